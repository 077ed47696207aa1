import Clockwork
import PIM
import Wire

/// Bytes from pairs of hexadecimal digits; spaces and newlines are for the reader.
func hex(_ text: String) -> [UInt8] {
    let digits = text.filter(\.isHexDigit)
    precondition(digits.count.isMultiple(of: 2), "half a byte in a test")
    var bytes: [UInt8] = []
    var rest = digits[...]
    while !rest.isEmpty {
        bytes.append(UInt8(rest.prefix(2), radix: 16) ?? 0)
        rest = rest.dropFirst(2)
    }
    return bytes
}

extension IPv4Address: ExpressibleByStringLiteral {
    public init(stringLiteral text: String) {
        guard let address = Self(text) else { preconditionFailure("\(text) is not an address") }
        self = address
    }
}

extension IPAddress: ExpressibleByStringLiteral {
    public init(stringLiteral text: String) {
        guard let address = Self(text) else { preconditionFailure("\(text) is not an address") }
        self = address
    }
}

func prefix(_ text: String) -> IPPrefix {
    guard let prefix = IPPrefix(text) else { preconditionFailure("\(text) is not a prefix") }
    return prefix
}

func tree(_ number: UInt32, source: IPAddress = "10.1.0.10") -> SourceGroup {
    SourceGroup(source: source, group: .v4(IPv4Address(rawValue: 0xE801_0000 + number)))
}

/// Writes the checksum of a PIM payload.
func sealed(_ payload: [UInt8]) -> [UInt8] {
    var bytes = payload
    guard bytes.count >= 4 else { return bytes }
    bytes[2] = 0
    bytes[3] = 0
    let sum = internetChecksum(bytes)
    bytes[2] = UInt8(sum >> 8)
    bytes[3] = UInt8(sum & 0xFF)
    return bytes
}

/// An IPv4 packet around a PIM payload, as a raw socket hands it.
func ipv4(
    _ payload: [UInt8], from source: IPv4Address = "10.2.0.2", to destination: IPv4Address = .allPIMRouters,
    ttl: UInt8 = 1, protocol number: UInt8 = 103, options: [UInt8] = []
) -> [UInt8] {
    var writer = WireWriter()
    writer.write(UInt8(0x40 + 5 + options.count / 4))
    writer.write(UInt8(0xC0))
    writer.write(UInt16(20 + options.count + payload.count))
    writer.write(UInt32(0))
    writer.write(ttl)
    writer.write(number)
    writer.write(UInt16(0))
    writer.write(source)
    writer.write(destination)
    writer.write(contentsOf: options)
    writer.write(contentsOf: payload)
    return writer.bytes
}

func decode(_ packet: [UInt8]) throws(PIMError) -> PIMPacket {
    try PIMPacket(decodingIPv4: packet.span.bytes)
}

/// The Hello FRR sends with default settings.
func hello(
    holdtime: UInt16? = 105, priority: UInt32? = 1, generation: UInt32? = 7, tracking: Bool? = false,
    overrideInterval: UInt16 = 2500, secondary: [IPAddress] = []
) -> PIMMessage {
    var hello = Hello()
    hello.holdtime = holdtime
    hello.lanPruneDelay = tracking.map {
        LANPruneDelay(canDisableJoinSuppression: $0, propagationDelay: 500, overrideInterval: overrideInterval)
    }
    hello.drPriority = priority
    hello.generationID = generation
    hello.secondaryAddresses = secondary
    return .hello(hello)
}

func joinPrune(
    to upstream: IPAddress = "10.2.0.1", holdtime: UInt16 = 210, join: [SourceGroup] = [], prune: [SourceGroup] = []
) -> PIMMessage {
    func group(_ tree: SourceGroup, _ joined: Bool) -> JoinPruneGroup {
        let source = EncodedSource(tree.source ?? "0.0.0.0")
        return JoinPruneGroup(
            group: EncodedGroup(tree.group), joined: joined ? [source] : [], pruned: joined ? [] : [source])
    }
    return .joinPrune(
        JoinPrune(
            upstreamNeighbor: upstream, holdtime: holdtime,
            groups: join.map { group($0, true) } + prune.map { group($0, false) }))
}

let link = InterfaceIndex(2)
let otherLink = InterfaceIndex(3)

/// A router under test on `link` as 10.2.0.1, its clock, and everything it asked for.
struct RouterUnderTest {
    var router: PIMRouter
    var now = Instant.zero
    var actions: [PIMAction] = []

    /// The first Hello has gone out already.
    init(seed: UInt64 = 1, maximumEntries: Int = 1000, _ configure: (inout PIMConfiguration) -> Void = { _ in }) {
        router = PIMRouter(seed: seed, maximumEntries: maximumEntries)
        add(link, configure)
        wait(.seconds(5))
        actions = []
    }

    mutating func add(
        _ interface: InterfaceIndex = link, address: IPv4Address = "10.2.0.1", subnet: String = "10.2.0.0/24",
        _ configure: (inout PIMConfiguration) -> Void = { _ in }
    ) {
        var configuration = PIMConfiguration()
        configure(&configuration)
        router.addInterface(
            interface, address: address, subnets: [prefix(subnet)], configuration: configuration, now: now,
            into: &actions)
    }

    mutating func hear(packet: [UInt8], on interface: InterfaceIndex = link) {
        router.receive(packet.span.bytes, on: interface, now: now, into: &actions)
    }

    mutating func hear(_ message: PIMMessage, from: IPv4Address = "10.2.0.2", on interface: InterfaceIndex = link) {
        hear(packet: ipv4(message.encodedForIPv4(), from: from), on: interface)
    }

    mutating func want(
        _ tree: SourceGroup, towards neighbor: IPAddress? = "10.2.0.2", on interface: InterfaceIndex = link
    ) {
        router.setUpstream(tree, interface: interface, neighbor: neighbor, now: now, into: &actions)
    }

    mutating func unwant(_ tree: SourceGroup) {
        router.setUpstream(tree, interface: nil, neighbor: nil, now: now, into: &actions)
    }

    /// Lets time pass, with a tick at each deadline on the way.
    mutating func wait(_ duration: Duration) {
        let end = now + duration
        while let deadline = router.nextDeadline(), deadline <= end {
            now = max(now, deadline)
            router.tick(now: now, into: &actions)
        }
        now = end
    }

    /// What was asked for since the last call.
    mutating func take() -> [PIMAction] {
        defer { actions = [] }
        return actions
    }

    mutating func takeMessages() -> [PIMMessage] { messages(in: take()) }

    mutating func takeJoinPrunes() -> [JoinPrune] {
        takeMessages().compactMap { if case .joinPrune(let message) = $0 { message } else { nil } }
    }

    var counters: PIMCounters { router.counters(on: link) ?? PIMCounters() }

    func downstream(_ tree: SourceGroup) -> DownstreamState? {
        router.downstreamStates().first { $0.tree == tree && $0.interface == link }
    }

    func upstream(_ tree: SourceGroup) -> UpstreamState? { router.upstreamStates().first { $0.tree == tree } }
}

/// The messages among `actions`, read back from their bytes.
func messages(in actions: [PIMAction]) -> [PIMMessage] {
    actions.compactMap { action in
        guard case .send(let bytes, _, _) = action else { return nil }
        do throws(PIMError) { return try decode(ipv4(bytes)).message } catch { return nil }
    }
}

extension JoinPrune {
    var joins: [SourceGroup] { trees(\.joined) }
    var prunes: [SourceGroup] { trees(\.pruned) }

    private func trees(_ list: KeyPath<JoinPruneGroup, [EncodedSource]>) -> [SourceGroup] {
        groups.flatMap { group in
            group[keyPath: list].map { SourceGroup(source: $0.address, group: group.group.address) }
        }
    }
}

extension PIMMessage {
    var helloBody: Hello? { if case .hello(let hello) = self { hello } else { nil } }
    var joinPruneBody: JoinPrune? { if case .joinPrune(let message) = self { message } else { nil } }
}
