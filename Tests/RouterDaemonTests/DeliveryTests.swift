import Clockwork
import ControlProtocol
import ControlSocket
import Glibc
import JSONCoding
import Lab
import LinuxIO
import Synchronization
import Testing
import Wire

/// What unicast viewers watch, from the source to the descriptor that a replication point holds.
@Suite(.serialized, .enabled(if: Lab.obstacle == nil, "network namespaces cannot be made here"))
struct DeliveryTests {
    private static let interface = "mrp-delivery"

    private func network(_ name: String, keeper: Bool = false) throws -> AccessNetwork {
        try AccessNetwork(name, delivery: Self.interface, keeper: keeper)
    }

    private func member(_ subscriber: String = "alice") -> RouterFeedItem {
        .unicastMember(
            UnicastMember(
                tree: AccessNetwork.tree, subscriber: subscriber, address: .v4(AccessNetwork.address(ofHost: 1)),
                since: WallClock.now()))
    }

    @Test func `a viewer's tree arrives whole and in order at the passed descriptor, and ends with the viewer`() throws
    {
        let network = try network("dlv")
        let owner = try LinkedOwner(network.router, items: [network.authorization("alice", host: 1)])
        let stream = try owner.openDelivery()
        let sender = try network.sender(packetsPerSecond: 2000)
        defer { sender.stop() }
        #expect(try stream.count(after: .milliseconds(300)) == 0, "nobody watches yet")
        let viewer = member()
        try owner.add(viewer)
        #expect(try network.installedOutputs() == [Self.interface])
        #expect(try stream.receives(1000, within: .seconds(5)))
        #expect(stream.isWhole)
        #expect(stream.faults == [])
        #expect(stream.kernelDrops == 0)
        try checkShown(network)
        try owner.remove(viewer)
        // What goes on being sent is blocked by an entry without outputs.
        #expect(try network.installedOutputs() ?? [] == [])
        #expect(try stream.count(after: .milliseconds(100)) == 0)
    }

    private func checkShown(_ network: AccessNetwork) throws {
        let groups = try network.router.show(.groups, GroupsDocument.self).groups
        let port = try #require(groups.first { $0.group == AccessNetwork.tree.group }?.ports.first)
        #expect([port.interface, port.origin] == [Self.interface, "unicast"])
        #expect(port.forwarding)
        #expect(port.hosts.map(\.subscriber) == ["alice"])
        #expect(port.hosts.map(\.version) == ["http"])
        let steps = try network.router.explain("alice", AccessNetwork.tree).steps
        #expect(steps.allSatisfy { $0.state == .ok }, "\(steps)")
        #expect(steps.contains { $0.detail.contains("watches by unicast") })
    }

    @Test func `GSO trains cross the forwarding cache whole and arrive as their datagrams`() throws {
        let network = try network("gso")
        let owner = try LinkedOwner(network.router, items: [network.authorization("alice", host: 1), member()])
        let stream = try owner.openDelivery()
        let socket = try network.sourceNode.inNamespace {
            let socket = try UDPSocket(.v4)
            try socket.setMulticastTTL(16)
            try socket.connect(to: SocketAddress(.v4(AccessNetwork.group), port: Receiver.port))
            return socket
        }
        var number: UInt64 = 0
        for _ in 0..<50 {
            var train = WireWriter(reservingCapacity: 20 * 1316)
            for _ in 0..<20 {
                train.write(number)
                train.writeZeros(1308)
                number += 1
            }
            try train.bytes.withUnsafeBytes { try socket.sendTrain($0, segmentSize: 1316) }
            try stream.drain()
        }
        #expect(try stream.receives(1000 - stream.numbers.count, within: .seconds(5)))
        #expect(stream.numbers == Array(0..<1000))
        #expect(stream.lengths == [1316])
        #expect(stream.faults == [])
        #expect(stream.trains == 50, "every train in one piece")
    }

    @Test func `a killed router disturbs nothing, and the port is kept until the owner has spoken again`() throws {
        let network = try network("dkl", keeper: true)
        let items = [network.authorization("alice", host: 1), member()]
        let owner = try LinkedOwner(network.router, items: items)
        let stream = try owner.openDelivery()
        let sender = try network.sender(packetsPerSecond: 2000)
        defer { sender.stop() }
        try #require(try stream.receives(200, within: .seconds(5)))
        try network.router.kill()
        #expect(try stream.receives(200, within: .seconds(2)), "the kernel delivers without a router")
        try network.router.start()
        #expect(try network.installedOutputs() == [Self.interface])
        try owner.waitForSnapshot()
        #expect(try stream.receives(200, within: .seconds(2)))
        #expect(stream.isWhole)
        #expect(stream.kernelDrops == 0)
        try owner.remove(items[1])
        #expect(try network.installedOutputs() ?? [] == [])
        sender.stop()
        #expect(try stream.count(after: .milliseconds(100)) == 0)
    }

    @Test func `an authorization that ends takes the stream away within a second`() throws {
        let network = try network("dex")
        let ends = WallClock.now() + .seconds(3)
        let authorization = RouterFeedItem.authorization(
            RouterAuthorization(
                subscriber: "alice", binding: SubscriberBinding(addresses: [.v4(AccessNetwork.address(ofHost: 1))]),
                tree: AccessNetwork.tree, expires: ends))
        let owner = try LinkedOwner(network.router, items: [authorization, member(), member("mallory")])
        #expect(try network.installedOutputs() == [Self.interface])
        #expect(try network.router.counter("refused-no-authorization") == 1)
        #expect(try eventually(within: .seconds(6)) { try network.installedOutputs() == nil })
        let late = WallClock.now() - ends
        #expect(late > .zero && late < .seconds(1), "\(late)")
        _ = owner
    }

    @Test func `a descriptor goes to owners alone, and only where there is something to deliver`() throws {
        let network = try AccessNetwork("dno")
        var client = try ControlClient<RouterRequest, RouterReply>(path: network.router.socket)
        func problem(of body: RouterRequest.Body) throws -> String? {
            let reply = try client.request(RouterRequest(id: 7, body: body), timeout: .seconds(5))
            guard case .problem(let problem) = reply.body else { return nil }
            return problem.code
        }
        #expect(try problem(of: .openDelivery) == "not-an-owner")
        #expect(try problem(of: .own(owner: "replication-point")) == nil)
        #expect(try problem(of: .openDelivery) == "no-delivery-interface")
    }

    @Test func `the pair says nothing by itself and carries any datagram in one piece`() throws {
        let network = try network("dqt")
        let owner = try LinkedOwner(network.router, items: [])
        let stream = try owner.openDelivery()
        struct Link: Decodable {
            var ifname: String
            var mtu: Int
        }
        let json = try network.router.node.ip("-j", "link", "show")
        let links = try JSONText.decode([Link].self, from: json).filter { $0.ifname.hasPrefix("mrp-delivery") }
        #expect(links.map(\.mtu) == [65_535, 65_535])
        #expect(try network.router.node.ip("-6", "-o", "address", "show", "dev", Self.interface) == "")
        #expect(try stream.count(after: .milliseconds(500)) == 0)
        #expect(stream.frames == 0)
    }
}

/// An owner by `RouterLink`, as the replication point is: presents itself anew whenever the router wants it.
private final class LinkedOwner {
    private let link: RouterLink
    private let inbox = Inbox()
    private var publisher: FeedPublisher<RouterFeedItem>

    private final class Inbox: Sendable {
        let events = Mutex<[RouterLinkEvent]>([])
    }

    init(_ router: RouterProgram, items: [RouterFeedItem]) throws {
        Privileges.ignoreBrokenPipes()
        publisher = FeedPublisher(epoch: "linked", items: items)
        link = try RouterLink(path: router.socket, owner: "replication-point") { [inbox] event in
            inbox.events.withLock { $0.append(event) }
        }
        try waitForSnapshot()
    }

    deinit { link.stop() }

    /// Returns once a router has applied the snapshot it wanted.
    func waitForSnapshot() throws {
        _ = try wait { if case .wantsSnapshot = $0 { true } else { nil } }
        link.send(publisher.snapshot)
        try waitUntilApplied()
    }

    func add(_ item: RouterFeedItem) throws {
        if let message = publisher.update(upserts: [item]) { link.send(message) }
        try waitUntilApplied()
    }

    func remove(_ item: RouterFeedItem) throws {
        if let message = publisher.update(removals: [item.key]) { link.send(message) }
        try waitUntilApplied()
    }

    func openDelivery() throws -> DeliveredStream {
        link.openDelivery()
        let passed = try wait { event -> SharedDescriptor? in
            if case .delivery(let descriptor, "mrp-delivery") = event { descriptor } else { nil }
        }
        return try DeliveredStream(passed.descriptor.duplicate())
    }

    private func waitUntilApplied() throws {
        let position = publisher.position
        _ = try wait { $0 == .applied(position) ? true : nil }
    }

    /// What `pick` makes of the first event it knows; events before it are dropped.
    private func wait<Result>(_ pick: (RouterLinkEvent) -> Result?) throws -> Result {
        var result: Result?
        let isThere = eventually(within: .seconds(10)) {
            while result == nil {
                let event = inbox.events.withLock { $0.isEmpty ? nil : $0.removeFirst() }
                guard let event else { break }
                result = pick(event)
            }
            return result != nil
        }
        guard isThere, let result else { throw LabError("the router did not answer its owner") }
        return result
    }
}

/// Numbered packets as they arrive at a delivery socket.
private final class DeliveredStream {
    private var socket: DeliverySocket
    private(set) var numbers: [UInt64] = []
    private(set) var lengths: Set<Int> = []

    init(_ descriptor: consuming FileDescriptor) throws {
        socket = try DeliverySocket(descriptor)
    }

    var faults: [DeliveryFault] { DeliveryFault.allCases.filter { socket.counters[$0] > 0 } }
    var trains: UInt64 { socket.counters.trains }
    var frames: UInt64 { socket.counters.frames }
    var kernelDrops: UInt64 { (try? socket.readKernelDrops()) ?? .max }

    /// Every number from the first to the last, in order.
    var isWhole: Bool {
        guard let first = numbers.first, let last = numbers.last else { return true }
        return numbers == Array(first...last)
    }

    func drain() throws {
        var (arrived, sizes): ([UInt64], Set<Int>) = ([], [])
        repeat {
            let count = try socket.receive { header, payload in
                guard header.group == AccessNetwork.group, header.source == AccessNetwork.source,
                    header.destinationPort == Receiver.port, payload.byteCount >= 8
                else { return }
                arrived.append(UInt64(bigEndian: payload.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt64.self)))
                sizes.insert(payload.byteCount)
            }
            if count < socket.capacity { break }
        } while true
        numbers += arrived
        lengths.formUnion(sizes)
    }

    /// Waits for `count` packets more.
    func receives(_ count: Int, within limit: Duration) throws -> Bool {
        let wanted = numbers.count + count
        return try eventually(within: limit) {
            try drain()
            return numbers.count >= wanted
        }
    }

    /// How many packets come from now on within `time`.
    func count(after time: Duration) throws -> Int {
        try drain()
        let before = numbers.count
        usleep(UInt32(time.milliseconds * 1000))
        try drain()
        return numbers.count - before
    }
}
