import Clockwork
import PIM
import Testing
import Wire

/// The downstream (S,G) machine of RFC 7761 §4.5.2, driven by packets and time.
@Suite struct DownstreamTests {
    enum Start: String, Sendable, CaseIterable { case noInfo, join, prunePending }

    enum Event: String, Sendable, CaseIterable {
        case join, prune, pruneByOther, prunePendingTimer, expiryTimer, neighborGone
    }

    struct Step: Sendable, CustomTestStringConvertible {
        let start: Start
        let event: Event
        let end: Start
        var testDescription: String { "\(start) + \(event) → \(end)" }
    }

    /// Two neighbours on the link, so that a prune waits; 10.2.0.2 joined.
    private func subject(in state: Start) -> RouterUnderTest {
        var subject = RouterUnderTest()
        subject.hear(hello(holdtime: 0xFFFF), from: "10.2.0.2")
        subject.hear(hello(holdtime: 0xFFFF), from: "10.2.0.3")
        subject.wait(.seconds(5))
        if state != .noInfo { subject.hear(joinPrune(holdtime: 210, join: [tree(1)])) }
        if state == .prunePending { subject.hear(joinPrune(prune: [tree(1)])) }
        _ = subject.take()
        return subject
    }

    private func state(of subject: RouterUnderTest) -> Start {
        switch subject.downstream(tree(1))?.state {
        case nil: .noInfo
        case .join: .join
        case .prunePending: .prunePending
        }
    }

    @Test(arguments: [
        Step(start: .noInfo, event: .join, end: .join),
        Step(start: .noInfo, event: .prune, end: .noInfo),
        Step(start: .noInfo, event: .pruneByOther, end: .noInfo),
        Step(start: .noInfo, event: .prunePendingTimer, end: .noInfo),
        Step(start: .noInfo, event: .expiryTimer, end: .noInfo),
        Step(start: .noInfo, event: .neighborGone, end: .noInfo),
        Step(start: .join, event: .join, end: .join),
        Step(start: .join, event: .prune, end: .prunePending),
        Step(start: .join, event: .pruneByOther, end: .join),
        Step(start: .join, event: .prunePendingTimer, end: .join),
        Step(start: .join, event: .expiryTimer, end: .noInfo),
        Step(start: .join, event: .neighborGone, end: .join),
        Step(start: .prunePending, event: .join, end: .join),
        Step(start: .prunePending, event: .prune, end: .prunePending),
        Step(start: .prunePending, event: .pruneByOther, end: .prunePending),
        Step(start: .prunePending, event: .prunePendingTimer, end: .noInfo),
        Step(start: .prunePending, event: .expiryTimer, end: .noInfo),
        Step(start: .prunePending, event: .neighborGone, end: .prunePending),
    ])
    func `every state answers every event as the RFC's table says`(_ step: Step) {
        var subject = subject(in: step.start)
        let wasJoined = subject.router.isJoined(tree(1), on: link)
        switch step.event {
        case .join: subject.hear(joinPrune(join: [tree(1)]))
        case .prune: subject.hear(joinPrune(prune: [tree(1)]))
        case .pruneByOther: subject.hear(joinPrune(prune: [tree(1)]), from: "10.2.0.3")
        case .prunePendingTimer: subject.wait(.seconds(3))
        case .expiryTimer: subject.wait(.seconds(210))
        case .neighborGone: subject.hear(hello(holdtime: 0))
        }
        #expect(state(of: subject) == step.end)
        let isJoined = subject.router.isJoined(tree(1), on: link)
        #expect(isJoined == (step.end != .noInfo))
        #expect(subject.router.downstreamInterfaces(of: tree(1)) == (isJoined ? [link] : []))
        let changes = subject.take().filter { $0 == .downstreamChanged(tree(1), link) }
        #expect(changes.count == (wasJoined == isJoined ? 0 : 1))
    }

    @Test func `a prune from the only neighbour ends the tree in the same step, without an echo`() {
        var subject = RouterUnderTest()
        subject.hear(hello())
        subject.hear(joinPrune(join: [tree(1)]))
        subject.wait(.seconds(5))
        _ = subject.take()
        subject.hear(joinPrune(prune: [tree(1)]))
        #expect(subject.take() == [.downstreamChanged(tree(1), link)])
        #expect(subject.router.downstreamTrees.isEmpty)
    }

    @Test func `on a shared link a prune waits for objections, then is echoed to ourselves`() {
        var subject = subject(in: .prunePending)
        subject.wait(.milliseconds(2999))
        #expect(subject.router.isJoined(tree(1), on: link))
        subject.wait(.milliseconds(1))
        let actions = subject.take()
        #expect(actions.first == .downstreamChanged(tree(1), link))
        let echo = messages(in: actions).compactMap(\.joinPruneBody)
        #expect(echo.map(\.upstreamNeighbor) == ["10.2.0.1"])
        #expect(echo.first?.prunes == [tree(1)] && echo.first?.joins == [])
    }

    @Test func `a second prune does not prolong the wait`() {
        var subject = subject(in: .prunePending)
        subject.wait(.seconds(2))
        subject.hear(joinPrune(prune: [tree(1)]), from: "10.2.0.3")
        subject.wait(.seconds(1))
        #expect(!subject.router.isJoined(tree(1), on: link))
    }

    @Test func `an objection keeps the tree without a moment's gap`() {
        var subject = subject(in: .prunePending)
        subject.wait(.seconds(2))
        subject.hear(joinPrune(join: [tree(1)]), from: "10.2.0.3")
        subject.wait(.seconds(60))
        #expect(subject.router.isJoined(tree(1), on: link))
        #expect(!subject.take().contains(.downstreamChanged(tree(1), link)))
        #expect(subject.downstream(tree(1))?.neighbors.map(\.address) == ["10.2.0.3"])
    }

    @Test func `while another neighbour's join is on record, a prune needs nobody's objection`() {
        var subject = subject(in: .join)
        subject.hear(joinPrune(join: [tree(1)]), from: "10.2.0.3")
        #expect(subject.downstream(tree(1))?.neighbors.map(\.address) == ["10.2.0.2", "10.2.0.3"])
        subject.hear(joinPrune(prune: [tree(1)]))
        #expect(state(of: subject) == .join)
        subject.hear(joinPrune(prune: [tree(1)]), from: "10.2.0.3")
        #expect(state(of: subject) == .prunePending)
    }

    @Test func `a join about to expire does not stand against a prune: others are asked`() {
        var subject = subject(in: .noInfo)
        subject.hear(joinPrune(holdtime: 210, join: [tree(1)]), from: "10.2.0.3")
        subject.wait(.seconds(208))
        subject.hear(joinPrune(join: [tree(1)]), from: "10.2.0.2")
        subject.hear(joinPrune(prune: [tree(1)]), from: "10.2.0.2")
        #expect(state(of: subject) == .prunePending)
    }

    @Test func `a shorter holdtime does not shorten what a longer one promised`() {
        var subject = subject(in: .join)
        let expires = subject.downstream(tree(1))?.expires
        subject.hear(joinPrune(holdtime: 10, join: [tree(1)]))
        #expect(subject.downstream(tree(1))?.expires == expires)
        subject.wait(.seconds(209))
        #expect(subject.router.isJoined(tree(1), on: link))
        subject.hear(joinPrune(holdtime: 210, join: [tree(1)]))
        subject.wait(.seconds(209))
        #expect(subject.router.isJoined(tree(1), on: link))
    }

    @Test func `a join until further notice ends after eighteen hours all the same`() {
        var subject = subject(in: .noInfo)
        subject.hear(joinPrune(holdtime: 0xFFFF, join: [tree(1)]))
        subject.wait(.seconds(65_533))
        #expect(subject.router.isJoined(tree(1), on: link))
        subject.wait(.seconds(1))
        #expect(!subject.router.isJoined(tree(1), on: link))
    }

    @Test func `the slowest router of the link sets how long a prune waits`() {
        var subject = subject(in: .join)
        subject.hear(hello(overrideInterval: 10_000), from: "10.2.0.3")
        subject.hear(joinPrune(prune: [tree(1)]))
        subject.wait(.milliseconds(10_499))
        #expect(state(of: subject) == .prunePending)
        subject.wait(.milliseconds(1))
        #expect(state(of: subject) == .noInfo)
    }

    @Test func `a router without the option puts the link back to the default delay`() {
        var subject = subject(in: .join)
        subject.hear(hello(overrideInterval: 10_000), from: "10.2.0.3")
        subject.hear(hello(tracking: nil), from: "10.2.0.4")
        subject.hear(joinPrune(prune: [tree(1)]))
        subject.wait(.seconds(3))
        #expect(state(of: subject) == .noInfo)
    }

    @Test func `a message for another router changes nothing here`() {
        var subject = subject(in: .join)
        subject.hear(joinPrune(to: "10.2.0.3", join: [tree(2)], prune: [tree(1)]))
        #expect(subject.router.downstreamTrees == [tree(1)] && state(of: subject) == .join)
    }

    struct Entry: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let group: EncodedGroup
        let source: EncodedSource
        let error: PIMError

        init(
            _ name: String, group: IPAddress = "232.1.0.9", source: IPAddress = "10.1.0.10", _ error: PIMError,
            change: (inout EncodedGroup, inout EncodedSource) -> Void = { _, _ in }
        ) {
            var (encodedGroup, encodedSource) = (EncodedGroup(group), EncodedSource(source))
            change(&encodedGroup, &encodedSource)
            (testDescription, self.group, self.source, self.error) = (name, encodedGroup, encodedSource, error)
        }
    }

    @Test(arguments: [
        Entry("(*,G)", source: "10.255.0.1", .sharedTreeUnsupported) {
            $1.isWildcard = true
            $1.isSharedTree = true
        },
        Entry("(S,G,rpt)", .sharedTreeUnsupported) { $1.isSharedTree = true },
        Entry("a group range", .badMaskLength) { group, _ in group.maskLength = 24 },
        Entry("a source range", .badMaskLength) { $1.maskLength = 0 },
        Entry("a mask longer than an address", .badMaskLength) { $1.maskLength = 255 },
        Entry("a bidirectional group", .bidirectionalUnsupported) { group, _ in group.isBidirectional = true },
        Entry("a unicast group", group: "10.1.1.1", .notMulticast),
        Entry("a link-local group", group: "224.0.0.251", .linkLocalGroup),
        Entry("a multicast source", source: "232.1.1.1", .unusableSource),
        Entry("no source", source: "0.0.0.0", .unusableSource),
        Entry("a loopback source", source: "127.0.0.1", .unusableSource),
        Entry("a broadcast source", source: "255.255.255.255", .unusableSource),
    ])
    func `an entry that is no source tree is counted, the others of its message hold`(_ row: Entry) {
        var subject = subject(in: .noInfo)
        let sound = JoinPruneGroup(group: EncodedGroup("232.1.0.1"), joined: [EncodedSource("10.1.0.10")])
        let bad = JoinPruneGroup(group: row.group, joined: [row.source], pruned: [row.source])
        subject.hear(.joinPrune(JoinPrune(upstreamNeighbor: "10.2.0.1", holdtime: 210, groups: [bad, sound])))
        #expect(subject.router.downstreamTrees == [tree(1)])
        #expect(subject.counters[reason: row.error] == 2 && subject.counters.refusals.count == 1)
    }

    @Test func `a join that has expired on arrival opens nothing`() {
        var subject = subject(in: .noInfo)
        subject.hear(joinPrune(holdtime: 0, join: [tree(1)]))
        #expect(subject.take().isEmpty)
        #expect(subject.counters[reason: .zeroHoldtime] == 1)
    }

    @Test func `the limits of an interface and of the router hold, and an ended tree makes room`() {
        var subject = RouterUnderTest(maximumEntries: 7) { $0.maxEntries = 5 }
        subject.add(otherLink, address: "10.3.0.1", subnet: "10.3.0.0/24")
        subject.hear(hello())
        subject.hear(hello(), from: "10.3.0.2", on: otherLink)
        subject.hear(joinPrune(join: (1...9).map { tree($0) }))
        #expect(subject.router.downstreamTrees == (1...5).map { tree($0) })
        #expect(subject.counters[reason: .tooManyEntries] == 4)
        subject.hear(joinPrune(to: "10.3.0.1", join: (1...9).map { tree($0) }), from: "10.3.0.2", on: otherLink)
        #expect(subject.router.downstreamStates().count == 7)
        #expect(subject.router.counters(on: otherLink)?[reason: .tooManyEntriesOverall] == 7)
        subject.hear(joinPrune(join: [tree(1)]))
        #expect(subject.counters[reason: .tooManyEntries] == 4, "a refresh needs no room")
        subject.hear(joinPrune(prune: [tree(1)]))
        subject.hear(joinPrune(join: [tree(8)]))
        #expect(subject.router.isJoined(tree(8), on: link))
    }

    @Test func `the joiners on record stay bounded though neighbours come and go`() {
        var subject = RouterUnderTest { $0.maxNeighbors = 4 }
        for host in UInt8(10)..<60 {
            let address = IPv4Address(10, 2, 0, host)
            subject.hear(hello(), from: address)
            subject.hear(joinPrune(join: [tree(1)]), from: address)
            subject.hear(hello(holdtime: 0), from: address)
        }
        #expect(subject.downstream(tree(1))?.neighbors.count == 4)
        #expect(subject.downstream(tree(1))?.neighbors.last?.address == "10.2.0.59")
    }

    @Test func `one tree on two interfaces is two entries`() {
        var subject = RouterUnderTest()
        subject.add(otherLink, address: "10.3.0.1", subnet: "10.3.0.0/24")
        subject.hear(hello())
        subject.hear(hello(), from: "10.3.0.2", on: otherLink)
        subject.hear(joinPrune(to: "10.3.0.1", join: [tree(1)]), from: "10.3.0.2", on: otherLink)
        subject.hear(joinPrune(join: [tree(1)]))
        #expect(subject.router.downstreamInterfaces(of: tree(1)) == [link, otherLink])
        subject.hear(joinPrune(prune: [tree(1)]))
        #expect(subject.router.downstreamInterfaces(of: tree(1)) == [otherLink])
    }
}
