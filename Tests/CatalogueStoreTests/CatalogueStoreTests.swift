import Authorization
import CatalogueStore
import Clockwork
import ControlProtocol
import FoundationEssentials
import OTTServer
import Testing
import Wire

/// A database in a folder of its own, which goes with it.
private final class StoreBench {
    let folder: String
    var path: String { "\(folder)/store.sqlite" }

    init() throws {
        folder = FileManager.default.temporaryDirectory.path + "mrp-store-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: folder)
    }

    func open(maximumPages: Int? = nil) throws(StoreError) -> CatalogueStore {
        try CatalogueStore(path: path, maximumPages: maximumPages)
    }
}

private func scope(_ text: String) throws -> ChannelScope { try #require(ChannelScope(text: text)) }

private func binding(_ address: String) throws -> SubscriberBinding {
    SubscriberBinding(addresses: [try #require(IPAddress(address))], bridgePort: "lan1")
}

@Suite struct `Subscribers in the store` {
    @Test func `are found again with their entitlements after the store was closed`() throws {
        let bench = try StoreBench()
        let until = UnixTime(milliseconds: 5_000)
        let first = try bench.open()
        try first.setSubscriber("alice", binding: binding("10.3.0.5"))
        try first.entitle("alice", Entitlement(scope: scope("acme/one")))
        try first.entitle("alice", Entitlement(scope: scope("other/*"), until: until))
        first.close()
        let second = try bench.open()
        #expect(
            try second.record(of: "alice")
                == SubscriberRecord(
                    id: "alice", binding: binding("10.3.0.5"),
                    entitlements: [
                        Entitlement(scope: scope("acme/one")), Entitlement(scope: scope("other/*"), until: until),
                    ]))
        #expect(try second.record(of: "bob") == nil)
    }

    @Test func `are added or rebound by the same command, and listed by name`() throws {
        let store = try StoreBench().open()
        try store.setSubscriber("bob", binding: binding("10.3.0.6"))
        try store.setSubscriber("alice", binding: binding("10.3.0.5"))
        try store.entitle("alice", Entitlement(scope: scope("acme/one")))
        try store.setSubscriber("alice", binding: binding("10.3.0.7"))
        #expect(try store.records().map(\.id) == ["alice", "bob"])
        #expect(try store.record(of: "alice")?.binding == binding("10.3.0.7"))
        #expect(try store.record(of: "alice")?.entitlements.count == 1)
    }

    @Test func `go with their entitlements`() throws {
        let store = try StoreBench().open()
        try store.setSubscriber("alice", binding: binding("10.3.0.5"))
        try store.entitle("alice", Entitlement(scope: scope("acme/one")))
        try store.removeSubscriber("alice")
        #expect(throws: StoreError.unknownSubscriber("alice")) { try store.removeSubscriber("alice") }
        try store.setSubscriber("alice", binding: binding("10.3.0.5"))
        #expect(try store.record(of: "alice")?.entitlements == [])
    }

    @Test func `gain and lose an entitlement once`() throws {
        let store = try StoreBench().open()
        let one = try scope("acme/one")
        #expect(throws: StoreError.unknownSubscriber("alice")) { try store.entitle("alice", Entitlement(scope: one)) }
        try store.setSubscriber("alice", binding: binding("10.3.0.5"))
        try store.entitle("alice", Entitlement(scope: one))
        try store.entitle("alice", Entitlement(scope: one, until: UnixTime(milliseconds: 9)))
        #expect(try store.record(of: "alice")?.entitlements.map(\.until) == [UnixTime(milliseconds: 9)])
        #expect(try store.revoke("alice", one))
        #expect(try !store.revoke("alice", one))
        #expect(throws: StoreError.unknownSubscriber("bob")) { try store.revoke("bob", one) }
    }

    @Test func `have a limit of entitlements`() throws {
        let store = try StoreBench().open()
        try store.setSubscriber("alice", binding: binding("10.3.0.5"))
        for number in 0..<SubscriberRecord.maximumEntitlements {
            try store.entitle("alice", Entitlement(scope: scope("acme/c\(number)")))
        }
        #expect(throws: StoreError.tooManyEntitlements(limit: SubscriberRecord.maximumEntitlements)) {
            try store.entitle("alice", Entitlement(scope: scope("acme/more")))
        }
        try store.entitle("alice", Entitlement(scope: scope("acme/c0"), until: UnixTime(milliseconds: 1)))
    }
}

@Suite struct `Feeds in the store` {
    private func registration() throws -> ProxyRegistration {
        ProxyRegistration(
            name: "north", prefixes: [try #require(IPPrefix("10.3.0.0/16"))],
            address: try #require(IPAddress("10.255.0.1")))
    }

    private func item(_ channel: String, serial: UInt64) throws -> ServerFeedItem {
        .allocation(
            AllocationIndication(channel: try #require(ChannelKey(text: channel)), serial: serial, description: nil))
    }

    private func position(_ revision: UInt64) -> FeedPosition { FeedPosition(epoch: "a", revision: revision) }

    private func fill(_ store: CatalogueStore) throws {
        try store.apply([.registration(registration(), position: position(0), nextSerial: 1)], boot: "boot")
        try store.apply(
            [
                .items(
                    proxy: "north", position: position(1), nextSerial: 3,
                    upserts: [item("acme/one", serial: 1), item("acme/two", serial: 2)], removals: []),
                .items(
                    proxy: "north", position: position(2), nextSerial: 3, upserts: [],
                    removals: ["allocation/acme/two"]),
            ], boot: "boot")
    }

    @Test func `come back as they were last changed`() throws {
        let bench = try StoreBench()
        let first = try bench.open()
        try fill(first)
        first.close()
        #expect(
            try bench.open().proxies(boot: "boot") { "new" } == [
                StoredProxy(
                    registration: registration(), position: position(2), nextSerial: 3,
                    items: [item("acme/one", serial: 1)])
            ])
    }

    @Test func `come back under a new epoch when the host has restarted`() throws {
        let store = try StoreBench().open()
        try fill(store)
        let proxy = try #require(try store.proxies(boot: "another") { "new" }.first)
        #expect(proxy.position.epoch == "new")
        #expect(try proxy.items == [item("acme/one", serial: 1)])
    }

    @Test func `are replaced whole, and forgotten whole`() throws {
        let store = try StoreBench().open()
        try fill(store)
        let whole = StoredProxy(
            registration: try registration(), position: position(9), nextSerial: 7,
            items: [try item("acme/three", serial: 6)])
        try store.replace(whole, boot: "boot")
        #expect(try store.proxies(boot: "boot") { "new" } == [whole])
        try store.apply([.forget(proxy: "north")], boot: "boot")
        #expect(try store.proxies(boot: "boot") { "new" }.isEmpty)
    }

    @Test func `keep the largest revision there can be`() throws {
        let store = try StoreBench().open()
        let whole = StoredProxy(
            registration: try registration(), position: position(.max), nextSerial: .max - 1, items: [])
        try store.replace(whole, boot: "boot")
        #expect(try store.proxies(boot: "boot") { "new" } == [whole])
    }
}

@Suite struct `A store in trouble` {
    @Test func `says that the disk is full, and keeps what it had`() throws {
        let store = try StoreBench().open(maximumPages: 20)
        var added = 0
        let error = #expect(throws: StoreError.self) {
            for number in 0..<10_000 {
                try store.setSubscriber("subscriber\(number)", binding: binding("10.3.0.5"))
                added += 1
            }
        }
        #expect(error == .diskFull)
        #expect(added > 0)
        #expect(try store.records().count == added)
    }

    @Test func `refuses a file that is no database, a folder that is missing, and a newer schema`() throws {
        let bench = try StoreBench()
        try String(repeating: "nonsense ", count: 1_000).write(toFile: bench.path, atomically: true, encoding: .utf8)
        #expect(throws: StoreError.self) { try bench.open() }
        #expect(throws: StoreError.self) { try CatalogueStore(path: "\(bench.folder)/no/such/folder.sqlite") }
    }
}
