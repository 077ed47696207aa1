import Clockwork
import Wire

extension RouterEngine {
    // MARK: Answers and notifications

    mutating func noteAnswer(
        _ batch: UInt64, _ failures: [ForwardingFailure], at time: RouterTime, into actions: inout [RouterAction]
    ) {
        for outcome in plan.noteAnswer(batch: batch, failures: failures, now: time.now) {
            switch outcome {
            case .installed(let entry): actions.append(.event(.entryInstalled(entry)))
            case .removed(let tree): actions.append(.event(.entryRemoved(tree)))
            case .failed(let failure):
                actions.append(.event(.entryFailed(failure.tree, problem: failure.problem)))
            }
        }
    }

    mutating func noteChange(
        of tree: SourceGroup, _ entry: KernelEntry?, at time: RouterTime, into actions: inout [RouterAction]
    ) {
        guard hasStarted, plan.noteChange(entry, of: tree, now: time.now) else { return }
        actions.append(.event(.entryDisturbed(tree)))
    }

    mutating func noteTable(
        _ table: [SourceGroup: KernelEntry], at time: RouterTime, into actions: inout [RouterAction]
    ) {
        guard hasStarted else { return }
        for tree in plan.noteTable(table, now: time.now) { actions.append(.event(.entryDisturbed(tree))) }
    }

    // MARK: Upcalls

    mutating func handle(_ upcall: RouterUpcall, at time: RouterTime, into actions: inout [RouterAction]) {
        switch upcall {
        case .noEntry(let tree, let index):
            counters.upcallsWithoutEntry &+= 1
            handleMissingEntry(tree, on: index, at: time, into: &actions)
        case .wrongInterface(let tree, _):
            counters.upcallsOnWrongInterface &+= 1
            // The way to the source may be another now.
            if let source = tree.source, routes[source] != nil { actions.append(.resolveRoute(source: source)) }
        }
    }

    private mutating func handleMissingEntry(
        _ tree: SourceGroup, on index: InterfaceIndex, at time: RouterTime, into actions: inout [RouterAction]
    ) {
        guard let source = tree.source, !source.isMulticast, !source.isUnspecified, tree.group.isMulticast,
            tree.group.v4?.isLinkLocalMulticast != true, interfaces.canForward(index)
        else {
            counters.upcallsIgnored &+= 1
            return
        }
        plan.noteMissing(tree)
        if plan.block(tree, incoming: index, now: time.now) {
            actions.append(.event(.streamBlocked(tree, index)))
        }
    }
}
