import Authorization
import Clockwork
import ControlProtocol
import Testing
import Wire

private let now = UnixTime(milliseconds: 1_000_000)

private func channel(_ text: String) -> ChannelKey {
    guard let key = ChannelKey(text: text) else { preconditionFailure("\(text) is no channel") }
    return key
}

private func scopes(_ texts: String...) -> [ChannelScope] { texts.compactMap { ChannelScope(text: $0) } }

private func address(_ text: String) -> IPAddress { IPAddress(text) ?? .v4(.unspecified) }

private struct Row: CustomTestStringConvertible, Sendable {
    var testDescription: String
    var token = TokenGrant(subscriber: "alice", expires: now + .seconds(7_200))
    var record: SubscriberRecord? = SubscriberRecord(
        id: "alice", binding: SubscriberBinding(addresses: [address("10.3.0.5")]),
        entitlements: [Entitlement(scope: .provider("acme"))])
    var client = "10.3.0.5"
    var refusal: AuthorizationRefusal?
}

@Suite struct `Who may join` {
    private static var rows: [Row] {
        var rows = [Row(testDescription: "entitled to the provider, from the bound address")]
        func row(_ text: String, _ refusal: AuthorizationRefusal?, _ change: (inout Row) -> Void) {
            var row = Row(testDescription: text, refusal: refusal)
            change(&row)
            rows.append(row)
        }
        row("no such subscriber", .unknownSubscriber) { $0.record = nil }
        row("another's record", .unknownSubscriber) { $0.record?.id = "bob" }
        row("token expired this moment", .tokenExpired) { $0.token.expires = now }
        row("token for the channel", nil) { $0.token.channels = scopes("acme/one") }
        row("token for another channel", .channelNotInToken) { $0.token.channels = scopes("acme/two", "other/*") }
        row("token for no channel", .channelNotInToken) { $0.token.channels = [] }
        row("token for the network", nil) { $0.token.addresses = [IPPrefix("10.3.0.0/16")].compactMap { $0 } }
        row("token for another network", .addressNotInToken) {
            $0.token.addresses = [IPPrefix("10.4.0.0/16")].compactMap { $0 }
        }
        row("no entitlement", .notEntitled) { $0.record?.entitlements = [] }
        row("entitled to another channel", .notEntitled) {
            $0.record?.entitlements = [Entitlement(scope: .channel(channel("acme/two")))]
        }
        row("entitlement ended this moment", .entitlementEnded) {
            $0.record?.entitlements = [Entitlement(scope: .provider("acme"), until: now)]
        }
        row("one entitlement ended, another holds", nil) {
            $0.record?.entitlements = [
                Entitlement(scope: .provider("acme"), until: now), Entitlement(scope: .provider("acme")),
            ]
        }
        row("from an address that is not bound", .addressNotBound) { $0.client = "10.3.0.6" }
        row("from anywhere, no address being bound", nil) {
            $0.record?.binding.addresses = []
            $0.client = "2001:db8::7"
        }
        return rows
    }

    @Test(arguments: rows) private func `is decided in a fixed order of questions`(row: Row) {
        let decision = AuthorizationPolicy().decide(
            token: row.token, record: row.record, channel: channel("acme/one"), address: address(row.client),
            now: now)
        switch decision {
        case .success: #expect(row.refusal == nil)
        case .failure(let refusal): #expect(refusal == row.refusal)
        }
    }

    @Test func `every refusal has a row`() {
        #expect(Set(Self.rows.compactMap(\.refusal)) == Set(AuthorizationRefusal.allCases))
    }

    @Test(arguments: [
        (token: 7_200, entitlement: nil as Int?, expected: 3_600), (token: 60, entitlement: nil, expected: 60),
        (token: 7_200, entitlement: 30, expected: 30), (token: 20, entitlement: 30, expected: 20),
    ])
    func `an authorization ends with the first of token, entitlement and lifetime`(
        token: Int, entitlement: Int?, expected: Int
    ) throws {
        let record = SubscriberRecord(
            id: "alice", binding: SubscriberBinding(addresses: []),
            entitlements: [
                Entitlement(scope: .provider("acme"), until: entitlement.map { now + .seconds($0) })
            ])
        let grant = try AuthorizationPolicy(lifetime: .seconds(3_600)).decide(
            token: TokenGrant(subscriber: "alice", expires: now + .seconds(token)), record: record,
            channel: channel("acme/one"), address: address("10.3.0.5"), now: now
        ).get()
        #expect(grant.expires == now + .seconds(expected))
    }

    @Test func `a subscriber without a known address is bound to the one it asks from`() throws {
        let mac = MACAddress("02:00:00:00:00:01")
        let record = SubscriberRecord(
            id: "alice", binding: SubscriberBinding(addresses: [], mac: mac, bridgePort: "lan3"),
            entitlements: [Entitlement(scope: .provider("acme"))])
        let grant = try AuthorizationPolicy().decide(
            token: TokenGrant(subscriber: "alice", expires: now + .seconds(60)), record: record,
            channel: channel("acme/one"), address: address("10.3.0.5"), now: now
        ).get()
        #expect(
            grant.binding
                == SubscriberBinding(addresses: [address("10.3.0.5")], mac: mac, bridgePort: "lan3"))
    }

    @Test func `a review shortens a grant but never lengthens it`() throws {
        let held = AuthorizationGrant(
            binding: SubscriberBinding(addresses: [address("10.3.0.5")]), expires: now + .seconds(100))
        var record = SubscriberRecord(
            id: "alice", binding: SubscriberBinding(addresses: []),
            entitlements: [Entitlement(scope: .provider("acme"), until: now + .seconds(10))])
        let policy = AuthorizationPolicy()
        let shortened = try policy.review(held, record: record, channel: channel("acme/one"), now: now).get()
        #expect(shortened == AuthorizationGrant(binding: held.binding, expires: now + .seconds(10)))
        record.entitlements = [Entitlement(scope: .provider("acme"))]
        #expect(try policy.review(held, record: record, channel: channel("acme/one"), now: now).get() == held)
    }
}

@Suite struct `The scope of an entitlement` {
    @Test(arguments: ["acme/one", "acme/*"])
    func `prints what it was read from`(text: String) throws {
        #expect(try #require(ChannelScope(text: text)).description == text)
    }

    @Test(arguments: ["", "acme", "*/one", "*/*", "acme/", "acme/one/two", "acme/on*", "/one", "acme/ö"])
    func `is refused when it names neither a channel nor a provider's all`(text: String) {
        #expect(ChannelScope(text: text) == nil)
    }
}
