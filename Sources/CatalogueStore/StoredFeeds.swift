import ControlProtocol
import GRDB
import JSONCoding
import OTTServer

/// Rows of proxies and of the items wanted of them.
enum StoredFeeds {
    static func apply(_ change: StoreChange, boot: String, in database: Database) throws {
        switch change {
        case .registration(let registration, let position, let nextSerial):
            try put(registration, position: position, nextSerial: nextSerial, boot: boot, in: database)
        case .items(let proxy, let position, let nextSerial, let upserts, let removals):
            try move(proxy, to: position, nextSerial: nextSerial, boot: boot, in: database)
            for key in removals {
                try database.cachedStatement(sql: "DELETE FROM feed_item WHERE proxy = ? AND key = ?").execute(
                    arguments: [proxy, key])
            }
            for item in upserts { try put(item, proxy: proxy, in: database) }
        case .forget(let proxy):
            try database.execute(sql: "DELETE FROM proxy WHERE name = ?", arguments: [proxy])
        }
    }

    static func replace(_ proxy: StoredProxy, boot: String, in database: Database) throws {
        let name = proxy.registration.name
        try database.execute(sql: "DELETE FROM proxy WHERE name = ?", arguments: [name])
        try put(
            proxy.registration, position: proxy.position, nextSerial: proxy.nextSerial, boot: boot, in: database)
        for item in proxy.items { try put(item, proxy: name, in: database) }
    }

    static func all(boot: String, newEpoch: () -> String, in database: Database) throws -> [StoredProxy] {
        try Row.fetchAll(
            database, sql: "SELECT registration, epoch, revision, next_serial, boot FROM proxy ORDER BY name"
        ).map { row in
            let text: String = row[0]
            guard let registration = try? JSONText.decode(ProxyRegistration.self, from: text) else {
                throw StoreError.corrupt("a registration cannot be read")
            }
            let isContinued = (row[4] as String) == boot
            let position = FeedPosition(
                epoch: isContinued ? row[1] : newEpoch(), revision: UInt64(bitPattern: row[2] as Int64))
            return StoredProxy(
                registration: registration, position: position, nextSerial: UInt64(bitPattern: row[3] as Int64),
                items: try items(of: registration.name, in: database))
        }
    }

    private static func items(of proxy: String, in database: Database) throws -> [ServerFeedItem] {
        try String.fetchAll(
            database, sql: "SELECT item FROM feed_item WHERE proxy = ? ORDER BY key", arguments: [proxy]
        ).map { text in
            guard let item = try? JSONText.decode(ServerFeedItem.self, from: text) else {
                throw StoreError.corrupt("an item of proxy \(proxy) cannot be read")
            }
            return item
        }
    }

    private static func put(
        _ registration: ProxyRegistration, position: FeedPosition, nextSerial: UInt64, boot: String,
        in database: Database
    ) throws {
        try database.execute(
            sql: """
                INSERT INTO proxy (name, registration, epoch, revision, next_serial, boot) VALUES (?, ?, ?, ?, ?, ?)
                ON CONFLICT (name) DO UPDATE SET registration = excluded.registration, epoch = excluded.epoch,
                    revision = excluded.revision, next_serial = excluded.next_serial, boot = excluded.boot
                """,
            arguments: [
                registration.name, try JSONText.encode(registration), position.epoch,
                Int64(bitPattern: position.revision), Int64(bitPattern: nextSerial), boot,
            ])
    }

    private static func put(_ item: ServerFeedItem, proxy: String, in database: Database) throws {
        let statement = try database.cachedStatement(
            sql: """
                INSERT INTO feed_item (proxy, key, item) VALUES (?, ?, ?)
                ON CONFLICT (proxy, key) DO UPDATE SET item = excluded.item
                """)
        try statement.execute(arguments: [proxy, item.key, try JSONText.encode(item)])
    }

    private static func move(
        _ proxy: String, to position: FeedPosition, nextSerial: UInt64, boot: String, in database: Database
    ) throws {
        let statement = try database.cachedStatement(
            sql: "UPDATE proxy SET epoch = ?, revision = ?, next_serial = ?, boot = ? WHERE name = ?")
        try statement.execute(
            arguments: [
                position.epoch, Int64(bitPattern: position.revision), Int64(bitPattern: nextSerial), boot, proxy,
            ])
    }
}
