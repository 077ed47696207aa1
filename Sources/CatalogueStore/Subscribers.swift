import Authorization
import Clockwork
import ControlProtocol
import GRDB
import JSONCoding

/// Rows of subscribers and entitlements.
enum Subscribers {
    static func exists(_ id: String, in database: Database) throws -> Bool {
        try Bool.fetchOne(
            database, sql: "SELECT EXISTS (SELECT 1 FROM subscriber WHERE id = ?)", arguments: [id]) ?? false
    }

    static func count(in database: Database) throws -> Int {
        try Int.fetchOne(database, sql: "SELECT COUNT(*) FROM subscriber") ?? 0
    }

    static func record(_ id: String, in database: Database) throws -> SubscriberRecord? {
        let statement = try database.cachedStatement(sql: "SELECT binding FROM subscriber WHERE id = ?")
        guard let text = try String.fetchOne(statement, arguments: [id]) else { return nil }
        guard let binding = try? JSONText.decode(SubscriberBinding.self, from: text) else {
            throw StoreError.corrupt("the binding of subscriber \(id) cannot be read")
        }
        return SubscriberRecord(id: id, binding: binding, entitlements: try entitlements(of: id, in: database))
    }

    private static func entitlements(of id: String, in database: Database) throws -> [Entitlement] {
        let statement = try database.cachedStatement(
            sql: "SELECT scope, until FROM entitlement WHERE subscriber = ? ORDER BY scope")
        return try Row.fetchAll(statement, arguments: [id]).map { row in
            let text: String = row[0]
            let until: Int64? = row[1]
            guard let scope = ChannelScope(text: text) else {
                throw StoreError.corrupt("an entitlement of subscriber \(id) names \"\(text)\"")
            }
            return Entitlement(scope: scope, until: until.map { UnixTime(milliseconds: $0) })
        }
    }
}
