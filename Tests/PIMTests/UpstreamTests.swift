import Clockwork
import PIM
import Testing
import Wire

/// The upstream (S,G) machine of RFC 7761 §4.5.5, driven by wishes, packets and time.
@Suite struct UpstreamTests {
    /// The upstream neighbour is 10.2.0.2 and knows us.
    private func subject(
        tracking: Bool = false, _ configure: (inout PIMConfiguration) -> Void = { _ in }
    ) -> RouterUnderTest {
        var subject = RouterUnderTest(configure)
        subject.hear(hello(holdtime: 0xFFFF, tracking: tracking))
        subject.hear(hello(holdtime: 0xFFFF, tracking: tracking), from: "10.2.0.3")
        subject.wait(.seconds(5))
        _ = subject.take()
        return subject
    }

    @Test func `a wanted tree is joined at once and refreshed every sixty seconds`() throws {
        var subject = subject()
        subject.want(tree(1))
        let join = try #require(subject.takeJoinPrunes().first)
        #expect(join.upstreamNeighbor == "10.2.0.2" && join.holdtime == 210)
        #expect(join.joins == [tree(1)] && join.prunes == [])
        #expect(subject.upstream(tree(1))?.state == .joined)
        #expect(subject.upstream(tree(1))?.nextJoin == subject.now + .seconds(60))
        subject.wait(.seconds(59))
        #expect(subject.takeJoinPrunes().isEmpty)
        subject.wait(.seconds(121))
        #expect(subject.takeJoinPrunes().map(\.joins) == [[tree(1)], [tree(1)], [tree(1)]])
    }

    @Test func `wanting it again in the same way says nothing`() {
        var subject = subject()
        subject.want(tree(1))
        _ = subject.take()
        subject.want(tree(1))
        #expect(subject.take().isEmpty)
    }

    @Test func `a tree no longer wanted is pruned once and forgotten`() {
        var subject = subject()
        subject.want(tree(1))
        _ = subject.take()
        subject.unwant(tree(1))
        subject.unwant(tree(1))
        #expect(subject.takeJoinPrunes().map(\.prunes) == [[tree(1)]])
        #expect(subject.router.upstreamStates().isEmpty)
        subject.wait(.seconds(200))
        #expect(subject.takeJoinPrunes().isEmpty)
    }

    @Test func `a change of the neighbour prunes at the old and joins at the new`() {
        var subject = subject()
        subject.want(tree(1))
        _ = subject.take()
        subject.want(tree(1), towards: "10.2.0.3")
        let sent = subject.takeJoinPrunes()
        #expect(sent.map(\.upstreamNeighbor) == ["10.2.0.2", "10.2.0.3"])
        #expect(sent.map(\.prunes) == [[tree(1)], []] && sent.map(\.joins) == [[], [tree(1)]])
    }

    @Test func `a change of the interface prunes on the old and joins on the new`() {
        var subject = subject()
        subject.add(otherLink, address: "10.3.0.1", subnet: "10.3.0.0/24")
        subject.hear(hello(), from: "10.3.0.2", on: otherLink)
        subject.want(tree(1))
        _ = subject.take()
        subject.want(tree(1), towards: "10.3.0.2", on: otherLink)
        let interfaces = subject.take().compactMap { action -> InterfaceIndex? in
            guard messages(in: [action]).first?.joinPruneBody != nil, case .send(_, let index, _) = action else {
                return nil
            }
            return index
        }
        #expect(interfaces == [link, otherLink])
        #expect(subject.upstream(tree(1))?.interface == otherLink)
    }

    @Test func `without a neighbour the join waits, and follows our Hello when the neighbour appears`() {
        var subject = RouterUnderTest()
        subject.want(tree(1))
        subject.want(tree(2))
        #expect(subject.take().isEmpty)
        #expect(subject.upstream(tree(1))?.state == .awaitingNeighbor)
        #expect(subject.upstream(tree(1))?.neighbor == "10.2.0.2")
        subject.hear(hello())
        let sent = subject.takeMessages()
        #expect(sent.count == 2 && sent.first?.helloBody != nil)
        #expect(sent.last?.joinPruneBody?.joins == [tree(1), tree(2)])
        #expect(subject.upstream(tree(1))?.state == .joined)
    }

    @Test func `when the neighbour falls silent the tree waits again`() {
        var subject = RouterUnderTest()
        subject.hear(hello(holdtime: 10))
        subject.want(tree(1))
        _ = subject.take()
        subject.wait(.seconds(10))
        #expect(subject.upstream(tree(1))?.state == .awaitingNeighbor)
        subject.wait(.seconds(300))
        #expect(subject.takeJoinPrunes().isEmpty)
        subject.hear(hello())
        #expect(subject.takeJoinPrunes().map(\.joins) == [[tree(1)]])
    }

    @Test func `a tree withdrawn while its neighbour is away is never mentioned`() {
        var subject = RouterUnderTest()
        subject.want(tree(1))
        subject.unwant(tree(1))
        subject.hear(hello())
        #expect(subject.takeJoinPrunes().isEmpty)
    }

    @Test func `a source on the link itself needs nobody's help`() {
        var subject = subject()
        subject.want(tree(1), towards: nil)
        subject.wait(.seconds(100))
        #expect(subject.takeJoinPrunes().isEmpty)
        #expect(subject.upstream(tree(1))?.state == .directlyConnected)
    }

    @Test func `a next hop that is a neighbour's secondary address is asked by its primary one`() {
        var subject = subject()
        subject.want(tree(1), towards: "10.2.9.9")
        #expect(subject.takeJoinPrunes().isEmpty)
        subject.hear(hello(holdtime: 0xFFFF, secondary: ["10.2.9.9"]))
        #expect(subject.takeJoinPrunes().map(\.upstreamNeighbor) == ["10.2.0.2"])
        #expect(subject.upstream(tree(1))?.neighbor == "10.2.0.2")
        subject.hear(hello(holdtime: 0xFFFF, secondary: ["10.2.9.9"]), from: "10.2.0.3")
        #expect(subject.takeJoinPrunes().map(\.upstreamNeighbor) == ["10.2.0.2", "10.2.0.3"])
        #expect(subject.upstream(tree(1))?.neighbor == "10.2.0.3")
    }

    @Test(arguments: 1...20)
    func `a neighbour that restarted is joined again within the override interval, a Hello first`(_ seed: UInt64) {
        var subject = RouterUnderTest(seed: seed)
        subject.hear(hello())
        for number in UInt32(1)...30 { subject.want(tree(number)) }
        subject.wait(.seconds(20))
        _ = subject.take()
        subject.hear(hello(generation: 8))
        subject.wait(.milliseconds(2500))
        let sent = subject.takeMessages()
        #expect(sent.first?.helloBody != nil)
        #expect(sent.compactMap(\.joinPruneBody).map(\.joins.count) == [30], "one message for all")
    }

    @Test func `the interface gone and back, the tree is joined again when the neighbour is heard`() {
        var subject = subject()
        subject.want(tree(1))
        subject.router.removeInterface(link, now: subject.now, into: &subject.actions)
        #expect(subject.upstream(tree(1))?.state == .awaitingNeighbor)
        _ = subject.take()
        subject.wait(.seconds(100))
        subject.add()
        subject.hear(hello())
        let sent = subject.takeMessages()
        #expect(sent.first?.helloBody != nil && sent.last?.joinPruneBody?.joins == [tree(1)])
    }

    @Test func `a tree without a source is nothing PIM could ask for here`() {
        var subject = subject()
        subject.want(SourceGroup(source: nil, group: "239.1.1.1"))
        #expect(subject.take().isEmpty && subject.router.upstreamStates().isEmpty)
    }

    // MARK: What others say

    @Test(arguments: 1...20)
    func `another router's join to our neighbour lets ours rest for 66 to 84 seconds`(_ seed: UInt64) throws {
        var subject = RouterUnderTest(seed: seed)
        subject.hear(hello(holdtime: 0xFFFF))
        subject.hear(hello(holdtime: 0xFFFF), from: "10.2.0.3")
        subject.want(tree(1))
        subject.wait(.seconds(30))
        subject.hear(joinPrune(to: "10.2.0.2", join: [tree(1)]), from: "10.2.0.3")
        let rest = try #require(subject.upstream(tree(1))?.nextJoin) - subject.now
        #expect(rest >= .seconds(66) && rest <= .seconds(84))
    }

    struct Overheard: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let message: PIMMessage
        var tracking = false
    }

    @Test(arguments: [
        Overheard(
            testDescription: "all can do without suppression",
            message: joinPrune(to: "10.2.0.2", join: [tree(1)]), tracking: true),
        Overheard(
            testDescription: "a join that holds only shortly",
            message: joinPrune(to: "10.2.0.2", holdtime: 5, join: [tree(1)])),
        Overheard(testDescription: "a join of another tree", message: joinPrune(to: "10.2.0.2", join: [tree(2)])),
        Overheard(testDescription: "a join to another router", message: joinPrune(to: "10.2.0.4", join: [tree(1)])),
        Overheard(testDescription: "a prune to another router", message: joinPrune(to: "10.2.0.4", prune: [tree(1)])),
    ])
    func `what does not concern our join leaves its refresh where it was`(_ row: Overheard) {
        var subject = subject(tracking: row.tracking)
        subject.want(tree(1))
        let planned = subject.upstream(tree(1))?.nextJoin
        subject.wait(.seconds(30))
        subject.hear(row.message, from: "10.2.0.3")
        #expect(subject.upstream(tree(1))?.nextJoin == planned)
        #expect(subject.counters.refusals.isEmpty)
    }

    @Test(arguments: 1...20)
    func `another router's prune to our neighbour is overridden within the interval`(_ seed: UInt64) {
        var subject = RouterUnderTest(seed: seed)
        subject.hear(hello(holdtime: 0xFFFF))
        subject.hear(hello(holdtime: 0xFFFF), from: "10.2.0.3")
        subject.want(tree(1))
        subject.wait(.seconds(10))
        _ = subject.take()
        subject.hear(joinPrune(to: "10.2.0.2", prune: [tree(1)]), from: "10.2.0.3")
        #expect(subject.takeJoinPrunes().isEmpty, "the answer waits a random time")
        subject.wait(.milliseconds(2500))
        #expect(subject.takeJoinPrunes().map(\.joins) == [[tree(1)]])
    }

    @Test func `an override that is nearer than the refresh does not come later because of it`() {
        var subject = subject()
        subject.want(tree(1))
        subject.wait(.milliseconds(59_999))
        _ = subject.take()
        subject.hear(joinPrune(to: "10.2.0.2", prune: [tree(1)]), from: "10.2.0.3")
        subject.wait(.milliseconds(1))
        #expect(subject.takeJoinPrunes().count == 1)
    }

    @Test func `shared-tree entries of other routers are not counted as our trouble`() {
        var subject = subject()
        var shared = EncodedSource("10.255.0.1")
        shared.isWildcard = true
        shared.isSharedTree = true
        let group = JoinPruneGroup(group: EncodedGroup("239.1.1.1"), joined: [shared], pruned: [shared])
        subject.hear(.joinPrune(JoinPrune(upstreamNeighbor: "10.2.0.2", holdtime: 210, groups: [group])))
        #expect(subject.counters.refusals.isEmpty)
    }

    // MARK: Aggregation

    @Test(arguments: [576, 1500, 9000])
    func `a thousand trees go out in as few messages as the MTU allows`(_ mtu: Int) {
        var subject = RouterUnderTest { $0.mtu = mtu }
        let trees = (1...1000).map { tree($0) }
        for tree in trees.reversed() { subject.want(tree) }
        subject.hear(hello())
        let sent = subject.take().filter { messages(in: [$0]).first?.joinPruneBody != nil }
        for case .send(let bytes, _, _) in sent { #expect(bytes.count <= mtu - 20) }
        let perMessage = min(255, (mtu - 20 - 14) / 20)
        #expect(sent.count == (1000 + perMessage - 1) / perMessage)
        #expect(messages(in: sent).compactMap(\.joinPruneBody).flatMap(\.joins) == trees)
    }

    @Test func `many sources of one group share its header, over several messages if need be`() {
        var subject = RouterUnderTest()
        let trees = (0..<400).map { tree(1, source: .v4(IPv4Address(rawValue: 0x0A01_0000 + $0))) }.dropFirst()
        for tree in trees { subject.want(tree) }
        subject.hear(hello())
        let sent = subject.takeJoinPrunes()
        #expect(sent.map(\.groups.count) == [1, 1, 1])
        #expect(sent.flatMap(\.joins) == Array(trees))
    }

    @Test func `even a nonsensical MTU leaves one tree a message`() {
        var subject = RouterUnderTest { $0.mtu = 0 }
        subject.want(tree(1))
        subject.want(tree(2))
        subject.hear(hello())
        #expect(subject.takeJoinPrunes().map(\.joins) == [[tree(1)], [tree(2)]])
    }

    @Test func `trees joined one by one over a minute are refreshed in groups, none of them late`() {
        var subject = subject()
        for number in UInt32(1)...600 {
            subject.want(tree(number))
            subject.wait(.milliseconds(100))
        }
        _ = subject.take()
        var last: [SourceGroup: Instant] = [:]
        var sent = 0
        let start = subject.now
        while subject.now < start + .seconds(600) {
            subject.wait(.seconds(1))
            let messages = subject.takeJoinPrunes()
            sent += messages.count
            for tree in messages.flatMap(\.joins) {
                if let previous = last[tree] { #expect(subject.now - previous <= .seconds(61)) }
                last[tree] = subject.now
            }
        }
        #expect(last.count == 600)
        #expect(sent <= 10 * 13 * 2, "\(sent) messages in ten rounds")
    }
}
