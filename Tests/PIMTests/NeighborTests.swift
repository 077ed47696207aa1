import Clockwork
import PIM
import Testing
import Wire

@Suite struct HelloSendingTests {
    @Test(arguments: 1...20)
    func `the first Hello comes within five seconds, the next ones every thirty`(_ seed: UInt64) throws {
        var router = PIMRouter(seed: seed)
        var actions: [PIMAction] = []
        router.addInterface(
            link, address: "10.2.0.1", subnets: [prefix("10.2.0.0/24")], configuration: PIMConfiguration(),
            now: .zero, into: &actions)
        let deadline = router.nextDeadline()
        let first = try #require(deadline)
        #expect(actions.isEmpty && first <= .zero + .seconds(5))
        router.tick(now: first, into: &actions)
        #expect(router.nextDeadline() == first + .seconds(30))
        let sent = try #require(messages(in: actions).first?.helloBody)
        #expect(sent.holdtime == 105 && sent.drPriority == 1 && sent.generationID != nil)
        #expect(
            sent.lanPruneDelay
                == LANPruneDelay(canDisableJoinSuppression: true, propagationDelay: 500, overrideInterval: 2500))
    }

    @Test(arguments: 1...20)
    func `a shorter triggered delay brings the first Hello and the answer to a new neighbour sooner`(
        _ seed: UInt64
    ) throws {
        var router = PIMRouter(seed: seed)
        var actions: [PIMAction] = []
        var configuration = PIMConfiguration()
        configuration.triggeredHelloDelay = .milliseconds(100)
        router.addInterface(
            link, address: "10.2.0.1", subnets: [prefix("10.2.0.0/24")], configuration: configuration, now: .zero,
            into: &actions)
        let deadline = router.nextDeadline()
        let first = try #require(deadline)
        #expect(first <= .zero + .milliseconds(100))
        router.tick(now: first, into: &actions)
        actions = []
        router.receive(ipv4(hello().encodedForIPv4()).span.bytes, on: link, now: first, into: &actions)
        router.tick(now: first + .milliseconds(100), into: &actions)
        #expect(messages(in: actions).compactMap(\.helloBody).count == 1)
    }

    @Test func `a new neighbour is answered within five seconds, once for several`() throws {
        var subject = RouterUnderTest()
        subject.hear(hello(), from: "10.2.0.2")
        subject.hear(hello(), from: "10.2.0.3")
        #expect(subject.takeMessages().isEmpty)
        subject.wait(.seconds(5))
        #expect(subject.takeMessages().compactMap(\.helloBody).count == 1)
    }

    @Test func `stopping says goodbye on every interface and leaves nothing to do`() {
        var subject = RouterUnderTest()
        subject.add(otherLink, address: "10.3.0.1", subnet: "10.3.0.0/24")
        subject.hear(hello())
        subject.want(tree(1))
        _ = subject.take()
        subject.router.stop(now: subject.now, into: &subject.actions)
        #expect(subject.takeMessages().map(\.helloBody?.holdtime) == [0, 0])
        #expect(subject.router.nextDeadline() == nil)
        #expect(subject.router.neighbors.isEmpty && subject.router.upstreamStates().isEmpty)
    }

    @Test func `removing an interface says goodbye and forgets its neighbours and what they joined`() {
        var subject = RouterUnderTest()
        subject.hear(hello())
        subject.hear(joinPrune(join: [tree(1)]))
        _ = subject.take()
        subject.router.removeInterface(link, now: subject.now, into: &subject.actions)
        let actions = subject.take()
        #expect(messages(in: actions).map(\.helloBody?.holdtime) == [0])
        #expect(
            Array(actions.dropFirst()) == [.neighborDown(link, "10.2.0.2"), .downstreamChanged(tree(1), link)])
        #expect(subject.router.nextDeadline() == nil && subject.router.downstreamTrees.isEmpty)
    }

    @Test func `a new address is a new start, the same address only a new configuration`() {
        var subject = RouterUnderTest()
        subject.hear(hello())
        let generation = { (messages: [PIMMessage]) in messages.compactMap(\.helloBody?.generationID).last }
        subject.wait(.seconds(60))
        let first = generation(subject.takeMessages())
        subject.add { $0.drPriority = 7 }
        let reconfigured = subject.takeMessages()
        #expect(reconfigured.compactMap(\.helloBody?.drPriority) == [7])
        #expect(generation(reconfigured) == first)
        #expect(subject.router.neighbors.count == 1)
        subject.add(address: "10.2.0.9")
        #expect(subject.takeMessages().map(\.helloBody?.holdtime) == [0])
        #expect(subject.router.neighbors.isEmpty)
        subject.wait(.seconds(5))
        #expect(generation(subject.takeMessages()) != first)
    }

    @Test func `a neighbour that is trusted no longer goes when the configuration says so`() {
        var subject = RouterUnderTest()
        subject.hear(hello(), from: "10.2.0.2")
        subject.hear(hello(), from: "10.2.0.3")
        subject.add { $0.trustedNeighbors = [prefix("10.2.0.3/32")] }
        #expect(subject.router.neighbors.map(\.address) == ["10.2.0.3"])
        #expect(subject.take().contains(.neighborDown(link, "10.2.0.2")))
    }

    @Test func `a holdtime that is not configured is three and a half intervals`() throws {
        var subject = RouterUnderTest()
        subject.add {
            $0.helloInterval = .seconds(4)
            $0.joinPruneInterval = .seconds(20)
        }
        #expect(subject.takeMessages().first?.helloBody?.holdtime == 14)
        subject.hear(hello())
        subject.want(tree(1))
        #expect(subject.takeJoinPrunes().first?.holdtime == 70)
    }

    @Test func `configured times beyond their fields are sent as the most a field holds`() throws {
        var subject = RouterUnderTest()
        subject.add {
            $0.helloHoldtime = .seconds(1_000_000)
            $0.propagationDelay = .seconds(1000)
            $0.overrideInterval = .seconds(1000)
        }
        let sent = try #require(subject.takeMessages().first?.helloBody)
        #expect(sent.holdtime == 0xFFFE)
        #expect(sent.lanPruneDelay?.propagationDelay == 0x7FFF && sent.lanPruneDelay?.overrideInterval == 0xFFFF)
    }
}

@Suite struct NeighborTests {
    @Test func `a neighbour is up from its first Hello until its holdtime has passed`() throws {
        var subject = RouterUnderTest()
        subject.hear(hello(holdtime: 20))
        #expect(subject.take() == [.neighborUp(link, "10.2.0.2")])
        let neighbor = try #require(subject.router.neighbors.first)
        #expect(neighbor.expires == subject.now + .seconds(20) && neighbor.generationID == 7)
        subject.wait(.seconds(15))
        #expect(subject.router.neighbors.first?.uptime(at: subject.now) == .seconds(15))
        subject.hear(hello(holdtime: 20))
        subject.wait(.seconds(19))
        #expect(subject.router.neighbors.count == 1)
        subject.wait(.seconds(1))
        #expect(subject.router.neighbors.isEmpty)
        #expect(subject.take().last == .neighborDown(link, "10.2.0.2"))
    }

    @Test func `a goodbye ends a neighbour at once, and one from a stranger is nothing`() {
        var subject = RouterUnderTest()
        subject.hear(hello(holdtime: 0))
        #expect(subject.take().isEmpty)
        subject.hear(hello())
        subject.hear(hello(holdtime: 0))
        #expect(subject.take() == [.neighborUp(link, "10.2.0.2"), .neighborDown(link, "10.2.0.2")])
    }

    @Test func `a holdtime of all ones never passes, and a Hello without one counts 105 seconds`() {
        var subject = RouterUnderTest()
        subject.hear(hello(holdtime: 0xFFFF), from: "10.2.0.2")
        subject.hear(hello(holdtime: nil), from: "10.2.0.3")
        #expect(subject.router.neighbors.map(\.expires) == [nil, subject.now + .seconds(105)])
        subject.wait(.seconds(1_000_000))
        #expect(subject.router.neighbors.map(\.address) == ["10.2.0.2"])
        subject.hear(hello(holdtime: 10))
        subject.wait(.seconds(10))
        #expect(subject.router.neighbors.isEmpty)
    }

    @Test func `another GenID is a restart: uptime begins anew, the joins it made stay`() {
        var subject = RouterUnderTest()
        subject.hear(hello(generation: 1))
        subject.hear(joinPrune(join: [tree(1)]))
        subject.wait(.seconds(50))
        _ = subject.take()
        subject.hear(hello(generation: 2))
        #expect(subject.router.neighbors.first?.since == subject.now)
        #expect(subject.router.isJoined(tree(1), on: link))
        #expect(subject.take().isEmpty)
        subject.wait(.seconds(5))
        #expect(!subject.takeMessages().isEmpty, "the restarted neighbour must learn of us")
    }

    struct Election: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let own: UInt32
        let neighbors: [(IPv4Address, UInt32?)]
        let winner: IPAddress
    }

    @Test(arguments: [
        Election(testDescription: "alone", own: 1, neighbors: [], winner: "10.2.0.5"),
        Election(
            testDescription: "equal priorities: the highest address", own: 1,
            neighbors: [("10.2.0.2", 1), ("10.2.0.9", 1)], winner: "10.2.0.9"),
        Election(
            testDescription: "a higher priority beats a higher address", own: 1,
            neighbors: [("10.2.0.2", 2), ("10.2.0.9", 1)], winner: "10.2.0.2"),
        Election(
            testDescription: "our own priority wins", own: 9, neighbors: [("10.2.0.2", 2), ("10.2.0.9", 1)],
            winner: "10.2.0.5"),
        Election(
            testDescription: "one neighbour without priority: only addresses count", own: 9,
            neighbors: [("10.2.0.2", 100), ("10.2.0.6", nil)], winner: "10.2.0.6"),
        Election(
            testDescription: "one neighbour without priority, ours the highest address", own: 0,
            neighbors: [("10.2.0.2", 100), ("10.2.0.3", nil)], winner: "10.2.0.5"),
        Election(
            testDescription: "priority zero is a priority", own: 0, neighbors: [("10.2.0.9", 0)], winner: "10.2.0.9"),
    ])
    func `the designated router is elected`(_ row: Election) {
        var subject = RouterUnderTest()
        subject.add(address: "10.2.0.5") { $0.drPriority = row.own }
        for (address, priority) in row.neighbors { subject.hear(hello(priority: priority), from: address) }
        #expect(subject.router.designatedRouter(on: link) == row.winner)
        #expect(subject.router.neighbors.filter(\.isDR).map(\.address) == [row.winner].filter { $0 != "10.2.0.5" })
    }

    struct Sender: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let address: IPv4Address
        let error: PIMError
    }

    @Test(arguments: [
        Sender(testDescription: "our own address", address: "10.2.0.1", error: .ownAddress),
        Sender(testDescription: "our address of another interface", address: "10.3.0.1", error: .ownAddress),
        Sender(testDescription: "another subnet", address: "10.9.0.1", error: .offSubnet),
        Sender(testDescription: "no address", address: "0.0.0.0", error: .unusableSender),
        Sender(testDescription: "loopback", address: "127.0.0.1", error: .unusableSender),
        Sender(testDescription: "a group", address: "224.0.0.13", error: .unusableSender),
        Sender(testDescription: "not on the list", address: "10.2.0.3", error: .neighborNotAllowed),
    ])
    func `a Hello from whom nobody can trust makes no neighbour`(_ row: Sender) {
        var subject = RouterUnderTest { $0.trustedNeighbors = [prefix("10.2.0.2/32")] }
        subject.add(otherLink, address: "10.3.0.1", subnet: "10.3.0.0/24")
        subject.hear(hello(), from: row.address)
        #expect(subject.take().isEmpty && subject.router.neighbors.isEmpty)
        #expect(subject.counters[reason: row.error] == 1)
        #expect(subject.counters.refusals.count == 1)
    }

    @Test func `a Join from a router that sent no Hello is refused`() {
        var subject = RouterUnderTest()
        subject.hear(joinPrune(join: [tree(1)]))
        #expect(!subject.router.isJoined(tree(1), on: link))
        #expect(subject.counters[reason: .notANeighbor] == 1)
    }

    @Test func `a packet on an interface without PIM is counted and nothing else`() {
        var subject = RouterUnderTest()
        subject.hear(hello(), on: otherLink)
        #expect(subject.take().isEmpty)
        #expect(subject.router.unknownInterfacePackets == 1)
    }

    @Test func `no more neighbours than the limit, and a place is free again after a goodbye`() {
        var subject = RouterUnderTest { $0.maxNeighbors = 3 }
        for host in UInt8(10)..<20 { subject.hear(hello(), from: IPv4Address(10, 2, 0, host)) }
        #expect(subject.router.neighbors.count == 3)
        #expect(subject.counters[reason: .tooManyNeighbors] == 7)
        subject.hear(hello(holdtime: 0), from: "10.2.0.10")
        subject.hear(hello(), from: "10.2.0.19")
        #expect(subject.router.neighbors.map(\.address) == ["10.2.0.11", "10.2.0.12", "10.2.0.19"])
    }

    @Test func `a secondary address belongs to who claimed it last, a primary or own one to its router`() {
        var subject = RouterUnderTest()
        subject.hear(hello(secondary: ["10.2.9.1", "10.2.9.2"]), from: "10.2.0.2")
        subject.hear(hello(secondary: ["10.2.9.2", "10.2.0.2", "10.2.0.1", "10.2.0.3"]), from: "10.2.0.3")
        #expect(subject.router.neighbors.map(\.secondaryAddresses) == [["10.2.9.1"], ["10.2.9.2"]])
        #expect(subject.counters[reason: .secondaryAddressConflict] == 3)
    }

    @Test func `an Assert of a neighbour is counted and not acted on`() {
        var subject = RouterUnderTest()
        subject.hear(hello())
        _ = subject.take()
        subject.hear(
            .assert(Assert(group: EncodedGroup("232.1.0.1"), source: "10.1.0.10", metricPreference: 1, metric: 1)))
        #expect(subject.take().isEmpty)
        #expect(subject.counters.assertsReceived == 1 && subject.counters[reason: .assertIgnored] == 1)
    }
}
