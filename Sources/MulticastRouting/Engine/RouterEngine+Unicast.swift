import ControlProtocol
import Wire

extension RouterEngine {
    /// Whether unicast members can be served at all; the interface itself may still be to come.
    private var hasDelivery: Bool { configuration.interfaces.contains(where: \.isDelivery) }

    /// Judges the unicast members that are new or that something concerning them has changed for.
    mutating func judgeUnicastMembers(at time: RouterTime, into actions: inout [RouterAction]) {
        for key in admission.unicastMembers.takeUnjudged() {
            guard let entry = admission.unicastMembers[key] else { continue }
            let verdict = admission.verdict(on: entry, hasDelivery: hasDelivery, at: time.wall)
            guard verdict != entry.verdict else { continue }
            admission.unicastMembers.set(verdict, of: key)
            tell(entry, verdict, into: &actions)
            if verdict.isAdmitted, !ensure(key.tree, at: time, into: &actions) { continue }
            dirtyTrees.insert(key.tree)
        }
        for (key, member) in admission.unicastMembers.takeEnded() {
            // One that its owner has replaced by a changed one goes on.
            guard admission.unicastMembers[key]?.verdict?.isAdmitted != true else { continue }
            actions.append(.event(.unicastMemberLeft(member)))
            dirtyTrees.insert(key.tree)
        }
    }

    private mutating func tell(
        _ old: UnicastMemberTable.Entry, _ verdict: AdmissionVerdict, into actions: inout [RouterAction]
    ) {
        switch verdict {
        case .admitted(let reason, _):
            counters.admitted &+= 1
            actions.append(.event(.unicastMemberAdmitted(old.member, reason)))
        case .refused(let reason):
            counters.count(reason)
            if old.verdict?.isAdmitted == true { actions.append(.event(.unicastMemberLeft(old.member))) }
            actions.append(.event(.unicastMemberRefused(old.member, reason)))
        }
    }
}
