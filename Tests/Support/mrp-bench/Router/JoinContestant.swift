import Foundation
import GroupMembership
import Lab
import LinuxIO
import Wire

/// A program that answers reports, on a link of its own, and how to speak to it.
struct JoinContestant {
    enum Kind: String {
        case ours
        case loop = "C loop"
        case igmpproxy
        case frr = "FRR pimd"
    }

    let kind: Kind
    let link: AccessLink
    /// Groups that are joined once each.
    let firstGroup: IPv4Address
    /// Kept alive as long as the contest.
    private let program: AnyObject?

    static func ours(_ environment: BenchEnvironment, rounds: Int) throws -> JoinContestant {
        let link = try AccessLink("lo")
        let program = try RouterProcess(
            environment, in: link.router, interfaces: "    up0: {pim: {}}\n    a1: {igmp: {}}")
        let contestant = JoinContestant(
            kind: .ours, link: link, firstGroup: IPv4Address(232, 1, 0, 0), program: program)
        try program.own(
            (0..<rounds).map { RouterProcess.authorization("viewer", AccessLink.host, contestant.group($0)) })
        return contestant
    }

    static func loop(_ environment: BenchEnvironment) throws -> JoinContestant {
        let link = try AccessLink("lc")
        let process = try link.router.start(
            "loop", [environment.baselines + "/report_loop", AccessLink.upstream, AccessLink.downstream])
        return JoinContestant(kind: .loop, link: link, firstGroup: IPv4Address(232, 2, 0, 0), program: process)
    }

    /// It knows any-source groups only.
    static func igmpproxy() throws -> JoinContestant {
        let link = try AccessLink("li")
        let configuration = try link.router.write(
            "igmpproxy.conf",
            """
            quickleave
            phyint \(AccessLink.upstream) upstream ratelimit 0 threshold 1
             altnet 10.1.0.0/24
            phyint \(AccessLink.downstream) downstream ratelimit 0 threshold 1
            phyint lo disabled

            """)
        let process = try link.router.start("igmpproxy", ["igmpproxy", "-n", configuration])
        return JoinContestant(kind: .igmpproxy, link: link, firstGroup: IPv4Address(239, 3, 0, 0), program: process)
    }

    static func frr() throws -> JoinContestant {
        let link = try AccessLink("lf")
        let frr = try FRRRouter(in: link.router, interfaces: [AccessLink.upstream, AccessLink.downstream])
        _ = try frr.show("configure terminal\ninterface \(AccessLink.downstream)\nip igmp\nip igmp version 3")
        return JoinContestant(kind: .frr, link: link, firstGroup: IPv4Address(232, 4, 0, 0), program: frr)
    }

    func group(_ number: Int) -> IPv4Address { IPv4Address(rawValue: firstGroup.rawValue + UInt32(number)) }

    func join(_ group: IPv4Address) throws {
        switch kind {
        case .ours, .loop, .frr:
            try link.report(
                IGMPHostMessage.join(group, source: AccessLink.source, from: AccessLink.host), to: .allIGMPv3Routers)
        case .igmpproxy: try link.report(IGMPHostMessage.v2Report(group, from: AccessLink.host), to: group)
        }
    }

    func leave(_ group: IPv4Address) throws {
        try link.report(
            IGMPHostMessage.leave(group, source: AccessLink.source, from: AccessLink.host), to: .allIGMPv3Routers)
    }
}
