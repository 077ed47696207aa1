import Clockwork
import GroupMembership
import Testing
import Wire

/// A row of the tables of RFC 3376 §6.4 for one host: from the state that `given` makes, by one record, to another.
struct Transition: CustomTestStringConvertible, Sendable {
    enum State: Equatable, Sendable {
        case include([UInt8])
        case exclude([UInt8])
        case none
    }

    let name: String
    let given: [Said]
    let said: Said
    let state: State
    /// What is asked: the sources of group-and-source queries, and whether the group is.
    var asked: [UInt8] = []
    var asksGroup = false
    /// Only the leaving hosts' record, when everything it had is asked about.
    var isLeaving = false

    struct Said: Sendable {
        let type: MembershipRecordType
        let sources: [UInt8]

        init(_ type: MembershipRecordType, _ sources: [UInt8]) {
            self.type = type
            self.sources = sources
        }
    }

    var testDescription: String { name }

    init(
        _ name: String, given: [Said] = [], _ said: Said, _ state: State, asked: [UInt8] = [], asksGroup: Bool = false,
        isLeaving: Bool = false
    ) {
        self.name = name
        self.given = given
        self.said = said
        self.state = state
        self.asked = asked
        self.asksGroup = asksGroup
        self.isLeaving = isLeaving
    }

    static func isIn(_ sources: UInt8...) -> Said { Said(.modeIsInclude, sources) }
    static func isEx(_ sources: UInt8...) -> Said { Said(.modeIsExclude, sources) }
    static func toIn(_ sources: UInt8...) -> Said { Said(.changeToIncludeMode, sources) }
    static func toEx(_ sources: UInt8...) -> Said { Said(.changeToExcludeMode, sources) }
    static func allow(_ sources: UInt8...) -> Said { Said(.allowNewSources, sources) }
    static func block(_ sources: UInt8...) -> Said { Said(.blockOldSources, sources) }

    /// The same whether or not another host may be hidden.
    static let always: [Transition] = [
        Transition("nothing + IS_IN(1,2)", isIn(2, 1), .include([1, 2])),
        Transition("nothing + ALLOW(1)", allow(1), .include([1])),
        Transition("nothing + TO_IN(1)", toIn(1), .include([1])),
        Transition("nothing + IS_EX()", isEx(), .exclude([])),
        Transition("nothing + TO_EX(1)", toEx(1), .exclude([1])),
        Transition("nothing + BLOCK(1)", block(1), .none),
        Transition("nothing + TO_IN()", toIn(), .none),
        Transition("nothing + IS_IN()", isIn(), .none),
        Transition("nothing + ALLOW()", allow(), .none),
        Transition("nothing + IS_IN(1,1,1)", isIn(1, 1, 1), .include([1])),
        Transition("INCLUDE(1) + IS_IN(2)", given: [allow(1)], isIn(2), .include([1, 2])),
        Transition("INCLUDE(1) + ALLOW(1,2)", given: [allow(1)], allow(1, 2), .include([1, 2])),
        Transition("INCLUDE(1) + IS_EX()", given: [allow(1)], isEx(), .exclude([])),
        Transition("INCLUDE(1) + TO_EX()", given: [allow(1)], toEx(), .exclude([])),
        Transition("INCLUDE(1) + TO_EX(2)", given: [allow(1)], toEx(2), .exclude([2])),
        Transition("INCLUDE(1) + BLOCK(2)", given: [allow(1)], block(2), .include([1])),
        // A long TO_IN comes in several records, so the second does not end the first at once.
        Transition("INCLUDE(1,2) + TO_IN(2,3)", given: [allow(1, 2)], toIn(2, 3), .include([1, 2, 3]), asked: [1]),
        Transition("EXCLUDE(,1) + IS_IN(1)", given: [isEx(1)], isIn(1), .exclude([])),
        Transition("EXCLUDE(,1,2) + ALLOW(2,3)", given: [isEx(1, 2)], allow(2, 3), .exclude([1])),
        Transition("EXCLUDE(,1) + IS_EX(1)", given: [isEx(1)], isEx(1), .exclude([1])),
        Transition("EXCLUDE(,1,2) + IS_EX(2)", given: [isEx(1, 2)], isEx(2), .exclude([2])),
        Transition("EXCLUDE(,1,2) + TO_EX()", given: [isEx(1, 2)], toEx(), .exclude([])),
        Transition("EXCLUDE(,1) + BLOCK(1)", given: [isEx(1)], block(1), .exclude([1])),
    ]

    /// Where the host's word is the whole truth it takes effect at once.
    static let certain: [Transition] = [
        Transition("INCLUDE(1,2) + BLOCK(1)", given: [allow(1, 2)], block(1), .include([2])),
        Transition("INCLUDE(1) + BLOCK(1)", given: [allow(1)], block(1), .none),
        Transition("INCLUDE(1) + TO_IN()", given: [allow(1)], toIn(), .none),
        Transition("INCLUDE(1,2) + IS_EX(2,3)", given: [allow(1, 2)], isEx(2, 3), .exclude([2, 3])),
        Transition("INCLUDE(1,2) + TO_EX(2,3)", given: [allow(1, 2)], toEx(2, 3), .exclude([2, 3])),
        Transition("EXCLUDE(,1) + BLOCK(2)", given: [isEx(1)], block(2), .exclude([1, 2])),
        Transition("EXCLUDE(2,1) + BLOCK(2)", given: [isEx(1), allow(2)], block(2), .exclude([1, 2])),
        Transition("EXCLUDE() + TO_IN()", given: [isEx()], toIn(), .none),
        Transition("EXCLUDE(2,1) + TO_IN(3)", given: [isEx(1), allow(2)], toIn(3), .include([3])),
        Transition("EXCLUDE(,1) + IS_EX(2)", given: [isEx(1)], isEx(2), .exclude([2])),
        Transition("EXCLUDE(,1) + TO_EX(2)", given: [isEx(1)], toEx(2), .exclude([2])),
    ]

    /// Where another host may be hidden the tables are the RFC's own.
    static let uncertain: [Transition] = [
        Transition("INCLUDE(1,2) + BLOCK(1)", given: [allow(1, 2)], block(1), .include([1, 2]), asked: [1]),
        Transition("INCLUDE(1) + BLOCK(1)", given: [allow(1)], block(1), .include([1]), asked: [1], isLeaving: true),
        Transition("INCLUDE(1) + TO_IN()", given: [allow(1)], toIn(), .include([1]), asked: [1], isLeaving: true),
        Transition("INCLUDE(1,2) + IS_EX(2,3)", given: [allow(1, 2)], isEx(2, 3), .exclude([3])),
        Transition("INCLUDE(1,2) + TO_EX(2,3)", given: [allow(1, 2)], toEx(2, 3), .exclude([3]), asked: [2]),
        Transition("EXCLUDE(,1) + BLOCK(2)", given: [isEx(1)], block(1, 2), .exclude([1]), asked: [2]),
        Transition("EXCLUDE(2,1) + BLOCK(2)", given: [isEx(1), allow(2)], block(2), .exclude([1]), asked: [2]),
        Transition("EXCLUDE() + TO_IN()", given: [isEx()], toIn(), .exclude([]), asksGroup: true, isLeaving: true),
        Transition(
            "EXCLUDE(2,1) + TO_IN(1,3)", given: [isEx(1), allow(2)], toIn(1, 3), .exclude([]), asked: [2],
            asksGroup: true),
        Transition("EXCLUDE(,1) + IS_EX(1,2)", given: [isEx(1)], isEx(1, 2), .exclude([1])),
        Transition("EXCLUDE(,1) + TO_EX(1,2)", given: [isEx(1)], toEx(1, 2), .exclude([1]), asked: [2]),
    ]
}

@Suite struct TransitionTests {
    let group = IPAddress.v4(IPv4Address(239, 1, 1, 1))

    @Test(arguments: Transition.always + Transition.certain)
    func `a host on a port of version 3 alone moves by its own word`(_ row: Transition) {
        check(row, with: Link())
    }

    @Test(arguments: Transition.always + Transition.uncertain)
    func `a host on a port where another may be hidden moves as the RFC says`(_ row: Transition) {
        var link = Link()
        link.receive(IGMPHostMessage.v2Report(IPv4Address(239, 1, 1, 1), from: Link.host(99)))
        check(row, with: link)
    }

    @Test(arguments: Transition.always + Transition.uncertain)
    func `without explicit tracking every host moves as the RFC says`(_ row: Transition) {
        check(row, with: Link(.with { $0.explicitTracking = false }))
    }

    @Test(arguments: Transition.always + Transition.certain)
    func `with immediate leave every host moves by its own word`(_ row: Transition) {
        var link = Link(.with { $0.immediateLeave = true })
        link.receive(IGMPHostMessage.v2Report(IPv4Address(239, 1, 1, 1), from: Link.host(99)))
        check(row, with: link)
    }

    private func check(_ row: Transition, with start: Link) {
        var link = start
        for said in row.given { say(said, &link) }
        let before = record(link)
        let actions = say(row.said, &link)
        let after = record(link)
        let state: Transition.State
        switch after?.filterMode {
        case nil: state = .none
        case .include: state = .include(numbers(after?.sources ?? []))
        case .exclude: state = .exclude(numbers(after?.sources ?? []))
        }
        #expect(state == row.state)
        #expect(after?.isLeaving ?? false == row.isLeaving)
        let queries = actions.compactMap(\.query)
        #expect(numbers(queries.flatMap(\.sources).map(IPAddress.v4)).sorted() == row.asked)
        #expect(queries.contains { $0.sources.isEmpty } == row.asksGroup)
        let isChanged = actions.contains(.changed(group: group, port: Link.port(1), host: .v4(Link.host(1))))
        #expect(isChanged == (visible(before) != visible(after)))
    }

    @discardableResult
    private func say(_ said: Transition.Said, _ link: inout Link) -> [MembershipAction] {
        let record = MembershipRecord(said.type, group: group, sources: said.sources.map(IPAddress.source))
        return link.receive(IGMPHostMessage.report([record], from: Link.host(1)))
    }

    private func record(_ link: Link) -> HostMembership? {
        link.core.memberships(of: group).first { $0.host == .v4(Link.host(1)) }
    }

    private func visible(_ record: HostMembership?) -> HostMembership? {
        guard var record else { return nil }
        record.lastReport = .zero
        record.expires = .zero
        return record
    }

    private func numbers(_ sources: [IPAddress]) -> [UInt8] {
        sources.compactMap { $0.v4.map { UInt8(truncatingIfNeeded: $0.rawValue) } }
    }
}
