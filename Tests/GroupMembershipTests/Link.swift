import Clockwork
import GroupMembership
import Wire

/// An interface under test with the time, and what it did since it was last asked.
struct Link {
    static let bridge = InterfaceIndex(10)
    static let router = IPv4Address(10, 3, 0, 1)
    static let subnet = IPPrefix(.v4(router), length: 16).map { [$0] } ?? []

    var core: MembershipInterface
    var now = Instant(nanoseconds: 1_000_000_000)
    private(set) var actions: [MembershipAction] = []

    /// Starts and swallows the startup queries' first action.
    init(_ configuration: MembershipConfiguration = .init(), seed: UInt64 = 1) {
        core = MembershipInterface(
            interface: Self.bridge, address: Self.router, subnets: Self.subnet, configuration: configuration,
            seed: seed)
        core.start(now: now, into: &actions)
        actions = []
    }

    static func host(_ number: UInt16) -> IPv4Address { IPv4Address(rawValue: 0x0A03_0100 + UInt32(number)) }
    static func port(_ number: UInt32?) -> OutputPort {
        OutputPort(interface: bridge, bridgePort: number.map(InterfaceIndex.init))
    }

    /// Hands over a packet and returns what the interface does at once.
    @discardableResult
    mutating func receive(_ packet: [UInt8], port: UInt32? = 1) -> [MembershipAction] {
        actions = []
        core.receive(packet.span.bytes, bridgePort: port.map(InterfaceIndex.init), now: now, into: &actions)
        return actions
    }

    @discardableResult
    mutating func stop() -> [MembershipAction] {
        actions = []
        core.stop(now: now, into: &actions)
        return actions
    }

    /// Lets time pass, timers firing exactly when they are due, and returns what happened with its time.
    @discardableResult
    mutating func pass(_ duration: Duration) -> [(at: Instant, action: MembershipAction)] {
        let end = now + duration
        var happened: [(at: Instant, action: MembershipAction)] = []
        while let deadline = core.nextDeadline(), deadline <= end {
            now = max(now, deadline)
            actions = []
            core.tick(now: now, into: &actions)
            happened += actions.map { (now, $0) }
        }
        now = end
        return happened
    }
}

extension MembershipAction {
    /// The query it sends, if it sends one.
    var query: IGMPQuery? {
        guard case .send(let bytes, _) = self, case .query(let query)? = try? IGMPMessage(bytes)
        else {
            return nil
        }
        return query
    }
}
