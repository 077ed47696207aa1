import Authorization
import Clockwork
import ControlProtocol
import GRDB
import JSONCoding
import OTTServer

/// What an OTT server remembers: subscribers, their entitlements, and what it wants of each proxy. SQLite in WAL mode:
/// a kill of the process loses nothing that was acknowledged.
package final class CatalogueStore: Sendable {
    package static let maximumSubscribers = 1_000_000

    private let queue: DatabaseQueue

    /// Opens `path`, makes it when it is missing, and brings an older schema up to date.
    /// - Parameter maximumPages: a limit to the file's size in pages of 4 KiB; nil for none.
    package init(path: String, maximumPages: Int? = nil) throws(StoreError) {
        var configuration = GRDB.Configuration()
        configuration.journalMode = .wal
        configuration.busyMode = .timeout(5)
        configuration.foreignKeysEnabled = true
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA synchronous = NORMAL")
            if let maximumPages { try database.execute(sql: "PRAGMA max_page_count = \(maximumPages)") }
        }
        do {
            queue = try DatabaseQueue(path: path, configuration: configuration)
        } catch {
            if case .corrupt(let reason) = StoreError(error) { throw .corrupt(reason) }
            throw .cannotOpen(path: path, reason: "\(StoreError(error))")
        }
        do {
            if try queue.read(Schema.migrator.hasBeenSuperseded) { throw StoreError.newerSchema(path: path) }
            try Schema.migrator.migrate(queue)
        } catch {
            throw StoreError(error)
        }
    }

    package func close() {
        try? queue.close()
    }

    // MARK: - Subscribers

    /// Adds a subscriber, or replaces where its device is; entitlements stay.
    package func setSubscriber(_ id: String, binding: SubscriberBinding) throws(StoreError) {
        try write { database in
            let isNew = try !Subscribers.exists(id, in: database)
            if isNew, try Subscribers.count(in: database) >= Self.maximumSubscribers {
                throw StoreError.tooManySubscribers(limit: Self.maximumSubscribers)
            }
            try database.execute(
                sql: """
                    INSERT INTO subscriber (id, binding) VALUES (?, ?)
                    ON CONFLICT (id) DO UPDATE SET binding = excluded.binding
                    """, arguments: [id, try JSONText.encode(binding)])
        }
    }

    /// Removes a subscriber with its entitlements.
    package func removeSubscriber(_ id: String) throws(StoreError) {
        try write { database in
            try database.execute(sql: "DELETE FROM subscriber WHERE id = ?", arguments: [id])
            if database.changesCount == 0 { throw StoreError.unknownSubscriber(id) }
        }
    }

    /// Gives an entitlement, or changes its end.
    package func entitle(_ id: String, _ entitlement: Entitlement) throws(StoreError) {
        try write { database in
            guard let record = try Subscribers.record(id, in: database) else { throw StoreError.unknownSubscriber(id) }
            let others = record.entitlements.filter { $0.scope != entitlement.scope }
            guard others.count < SubscriberRecord.maximumEntitlements else {
                throw StoreError.tooManyEntitlements(limit: SubscriberRecord.maximumEntitlements)
            }
            try database.execute(
                sql: """
                    INSERT INTO entitlement (subscriber, scope, until) VALUES (?, ?, ?)
                    ON CONFLICT (subscriber, scope) DO UPDATE SET until = excluded.until
                    """,
                arguments: [id, entitlement.scope.description, entitlement.until?.milliseconds])
        }
    }

    /// Takes an entitlement back; false when there was none.
    package func revoke(_ id: String, _ scope: ChannelScope) throws(StoreError) -> Bool {
        try write { database in
            guard try Subscribers.exists(id, in: database) else { throw StoreError.unknownSubscriber(id) }
            try database.execute(
                sql: "DELETE FROM entitlement WHERE subscriber = ? AND scope = ?",
                arguments: [id, scope.description])
            return database.changesCount > 0
        }
    }

    /// Nil when there is no such subscriber.
    package func record(of id: String) throws(StoreError) -> SubscriberRecord? {
        try read { try Subscribers.record(id, in: $0) }
    }

    /// All subscribers, by name.
    package func records() throws(StoreError) -> [SubscriberRecord] {
        try read { database in
            try String.fetchAll(database, sql: "SELECT id FROM subscriber ORDER BY id").compactMap {
                try Subscribers.record($0, in: database)
            }
        }
    }

    // MARK: - Feeds

    /// Writes changes in one transaction: all or none.
    /// - Parameter boot: the host's boot identifier; see `proxies(boot:newEpoch:)`.
    package func apply(_ changes: [StoreChange], boot: String) throws(StoreError) {
        try write { database in
            for change in changes { try StoredFeeds.apply(change, boot: boot, in: database) }
        }
    }

    /// Writes a proxy whole, for when changes were missed.
    package func replace(_ proxy: StoredProxy, boot: String) throws(StoreError) {
        try write { try StoredFeeds.replace(proxy, boot: boot, in: $0) }
    }

    /// All proxies, by name. What was written before the host last started may lack its end (the disk's own memory), so
    /// it comes back under a new epoch: followers then compare by snapshot instead of trusting revisions.
    package func proxies(boot: String, newEpoch: () -> String) throws(StoreError) -> [StoredProxy] {
        try read { try StoredFeeds.all(boot: boot, newEpoch: newEpoch, in: $0) }
    }

    private func read<Value>(_ work: (Database) throws -> Value) throws(StoreError) -> Value {
        do {
            return try queue.read(work)
        } catch {
            throw StoreError(error)
        }
    }

    private func write<Value>(_ work: (Database) throws -> Value) throws(StoreError) -> Value {
        do {
            return try queue.write(work)
        } catch {
            throw StoreError(error)
        }
    }
}
