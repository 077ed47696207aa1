import Clockwork
import PIM
import Testing
import Wire

/// A link that loses, delays and reorders packets between routers on 10.2.0.x, in virtual time and from one seed.
private struct SimulatedLink {
    struct Flight {
        var arrival: Instant
        var number: Int
        var packet: [UInt8]
        var receiver: Int
    }

    var routers: [PIMRouter] = []
    var now = Instant.zero
    var chance: SeededGenerator
    var lossPercent = 0
    /// A healthy link keeps the order of one sender's packets; a refresh that overtakes a prune would undo it.
    var reorders = false
    var flights: [Flight] = []
    private var sent = 0

    init(seed: UInt64, routers count: Int, tracking: Bool) {
        chance = SeededGenerator(seed: seed)
        for number in 0..<count {
            routers.append(PIMRouter(seed: chance.next()))
            start(number, tracking: tracking)
        }
    }

    static func address(_ number: Int) -> IPv4Address { IPv4Address(10, 2, 0, UInt8(number + 1)) }

    /// A router that starts, or starts again without a goodbye and without memory.
    mutating func start(_ number: Int, tracking: Bool) {
        routers[number] = PIMRouter(seed: chance.next())
        var configuration = PIMConfiguration()
        configuration.canDisableJoinSuppression = tracking
        var actions: [PIMAction] = []
        routers[number].addInterface(
            link, address: Self.address(number), subnets: [prefix("10.2.0.0/24")], configuration: configuration,
            now: now, into: &actions)
        transmit(actions, from: number)
    }

    mutating func set(_ tree: SourceGroup, wanted: Bool, by number: Int) {
        var actions: [PIMAction] = []
        routers[number].setUpstream(
            tree, interface: wanted ? link : nil, neighbor: wanted ? .v4(Self.address(0)) : nil, now: now,
            into: &actions)
        transmit(actions, from: number)
    }

    private mutating func transmit(_ actions: [PIMAction], from sender: Int) {
        for case .send(let message, _, let destination) in actions {
            let packet = ipv4(message, from: Self.address(sender), to: destination)
            for receiver in routers.indices where receiver != sender {
                guard Int.random(in: 0..<100, using: &chance) >= lossPercent else { continue }
                let delay = reorders ? chance.duration(upTo: .milliseconds(300)) : .milliseconds(20)
                sent += 1
                flights.append(
                    Flight(
                        arrival: now + delay, number: sent, packet: packet, receiver: receiver))
            }
        }
    }

    mutating func run(for duration: Duration) {
        let end = now + duration
        while let next = nextEvent(), next <= end {
            #expect(next >= now, "a deadline in the past")
            now = max(now, next)
            deliver()
            for number in routers.indices {
                var actions: [PIMAction] = []
                routers[number].tick(now: now, into: &actions)
                transmit(actions, from: number)
            }
        }
        now = end
    }

    private mutating func nextEvent() -> Instant? {
        var next = flights.map(\.arrival).min()
        for number in routers.indices { next = .earliest(next, routers[number].nextDeadline()) }
        return next
    }

    private mutating func deliver() {
        let due = flights.filter { $0.arrival <= now }.sorted { ($0.arrival, $0.number) < ($1.arrival, $1.number) }
        flights.removeAll { $0.arrival <= now }
        for flight in due {
            var actions: [PIMAction] = []
            routers[flight.receiver].receive(flight.packet.span.bytes, on: link, now: now, into: &actions)
            transmit(actions, from: flight.receiver)
        }
    }
}

@Suite struct ConvergenceTests {
    /// Router 0 is upstream of all others. Wishes, losses and restarts come in any order; then the link heals.
    @Test(arguments: 1...60)
    func `routers on a lossy link agree once it heals, and on nothing in the end`(_ seed: UInt64) {
        var chance = SeededGenerator(seed: seed &* 7919)
        let count = Int.random(in: 2...4, using: &chance)
        let tracking = Bool.random(using: &chance)
        var network = SimulatedLink(seed: seed, routers: count, tracking: tracking)
        network.reorders = true
        network.lossPercent = Int.random(in: 0...40, using: &chance)
        var wanted = [Set<SourceGroup>](repeating: [], count: count)

        for _ in 0..<60 {
            network.run(for: chance.duration(upTo: .seconds(40)))
            let number = Int.random(in: 1..<count, using: &chance)
            switch Int.random(in: 0..<12, using: &chance) {
            case 0: network.start(0, tracking: tracking)
            case 1:
                network.start(number, tracking: tracking)
                for tree in wanted[number].sorted() { network.set(tree, wanted: true, by: number) }
            case let roll:
                let tree = tree(UInt32.random(in: 1...8, using: &chance))
                network.set(tree, wanted: roll < 8, by: number)
                if roll < 8 { wanted[number].insert(tree) } else { wanted[number].remove(tree) }
            }
        }

        network.lossPercent = 0
        network.reorders = false
        network.run(for: .seconds(300))
        let union = wanted.reduce(into: Set()) { $0.formUnion($1) }
        #expect(network.routers[0].downstreamTrees == union.sorted())
        for number in 0..<count { #expect(network.routers[number].neighbors.count == count - 1) }

        for number in 1..<count {
            for tree in wanted[number].sorted() { network.set(tree, wanted: false, by: number) }
        }
        network.run(for: .seconds(10))
        #expect(network.routers[0].downstreamTrees.isEmpty, "the last prune ends a tree within the override interval")
    }

    @Test(arguments: [false, true], 1...10)
    func `on a sound link nobody's prune interrupts what another router still wants`(_ tracking: Bool, _ seed: UInt64) {
        var network = SimulatedLink(seed: seed, routers: 4, tracking: tracking)
        network.run(for: .seconds(10))
        for number in 1...3 { network.set(tree(1), wanted: true, by: number) }
        network.run(for: .seconds(200))
        for number in 1...2 {
            network.set(tree(1), wanted: false, by: number)
            for _ in 0..<300 {
                network.run(for: .milliseconds(100))
                #expect(network.routers[0].isJoined(tree(1), on: link))
            }
        }
        network.set(tree(1), wanted: false, by: 3)
        network.run(for: .seconds(4))
        #expect(!network.routers[0].isJoined(tree(1), on: link))
    }

    @Test func `join suppression leaves one join a period on a link where it is in use`() {
        func packets(tracking: Bool) -> Int {
            var network = SimulatedLink(seed: 1, routers: 6, tracking: tracking)
            network.run(for: .seconds(10))
            for number in 1...5 { network.set(tree(1), wanted: true, by: number) }
            network.run(for: .seconds(3600))
            return (1...5).reduce(0) { $0 + Int(network.routers[$1].counters(on: link)?.joinPrunesSent ?? 0) }
        }
        #expect(packets(tracking: false) < 140)
        #expect(packets(tracking: true) > 290)
    }

    @Test func `a run with one seed is the same run again`() {
        func trace() -> [PIMAction] {
            var subject = RouterUnderTest(seed: 42)
            subject.hear(hello())
            subject.hear(hello(), from: "10.2.0.3")
            for number in UInt32(1)...50 {
                subject.want(tree(number), towards: number % 2 == 0 ? "10.2.0.2" : "10.2.0.3")
            }
            subject.hear(joinPrune(join: (60...90).map { tree($0) }))
            subject.hear(hello(generation: 9))
            subject.wait(.seconds(1000))
            return subject.take()
        }
        #expect(trace() == trace())
    }
}
