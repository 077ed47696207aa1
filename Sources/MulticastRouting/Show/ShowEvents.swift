import Clockwork
import ControlProtocol
import Wire

extension RouterEngine {
    /// The event with the names of things, as `watch` and the log tell it.
    package func document(_ event: RouterEvent, at time: RouterTime) -> RouterEventDocument {
        switch event {
        case .memberAdmitted(let host, let tree, let subscriber, let reason):
            var document = document("member-admitted", host, tree, at: time)
            document.subscriber = subscriber
            document.reason = reason.rawValue
            return document
        case .memberRefused(let host, let tree, let reason):
            var document = document("member-refused", host, tree, at: time)
            document.reason = reason.rawValue
            return document
        case .memberLeft(let host, let tree):
            return document("member-left", host, tree, at: time)
        case .unicastMemberAdmitted(let member, let reason):
            return document("member-admitted", member, reason: reason.rawValue, at: time)
        case .unicastMemberRefused(let member, let reason):
            return document("member-refused", member, reason: reason.rawValue, at: time)
        case .unicastMemberLeft(let member): return document("member-left", member, reason: nil, at: time)
        case .treeAdded(let tree): return document("tree-added", tree, at: time)
        case .treeRemoved(let tree): return document("tree-removed", tree, at: time)
        case .entryInstalled(let entry):
            var document = document("entry-installed", entry.tree, interface: entry.incoming, at: time)
            document.detail = entry.outgoing.map(interfaces.name(of:)).joined(separator: " ")
            return document
        case .entryRemoved(let tree): return document("entry-removed", tree, at: time)
        case .entryFailed(let tree, let problem):
            var document = document("entry-failed", tree, at: time)
            document.detail = problem
            return document
        case .entryDisturbed(let tree): return document("entry-disturbed", tree, at: time)
        case .streamBlocked(let tree, let index):
            return document("stream-blocked", tree, interface: index, at: time)
        case .neighborUp(let index, let address):
            return document("neighbors", "neighbor-up", index, address, at: time)
        case .neighborDown(let index, let address):
            return document("neighbors", "neighbor-down", index, address, at: time)
        case .interfaceUp(let index): return document("interfaces", "interface-up", index, nil, at: time)
        case .interfaceDown(let index): return document("interfaces", "interface-down", index, nil, at: time)
        case .interfaceProblem(let index, let problem):
            var document = document("interfaces", "interface-problem", index, nil, at: time)
            document.reason = problem
            return document
        case .querierChanged(let index, let querier):
            return document("interfaces", "querier-changed", index, querier, at: time)
        case .ownerConnected(let owner): return document("owner-connected", owner: owner, at: time)
        case .ownerDisconnected(let owner): return document("owner-disconnected", owner: owner, at: time)
        case .ownerRefused(let owner, let problem):
            var document = document("owner-refused", owner: owner, at: time)
            document.detail = problem.description
            return document
        }
    }

    private func document(
        _ event: String, _ host: HostOnPort, _ tree: SourceGroup, at time: RouterTime
    ) -> RouterEventDocument {
        var document = RouterEventDocument(time: time.wall, topic: "memberships", event: event)
        document.interface = interfaces.name(of: host.port.interface)
        document.bridgePort = host.port.bridgePort.map(interfaces.name(of:))
        document.hostAddress = host.host
        document.source = tree.source
        document.group = tree.group
        return document
    }

    private func document(
        _ event: String, _ member: UnicastMember, reason: String?, at time: RouterTime
    ) -> RouterEventDocument {
        var document = RouterEventDocument(time: time.wall, topic: "memberships", event: event)
        document.interface = configuration.interfaces.first(where: \.isDelivery)?.name
        document.hostAddress = member.address
        document.subscriber = member.isOwnInterest ? nil : member.subscriber
        document.source = member.tree.source
        document.group = member.tree.group
        document.reason = reason
        return document
    }

    private func document(
        _ event: String, _ tree: SourceGroup, interface: InterfaceIndex? = nil, at time: RouterTime
    ) -> RouterEventDocument {
        var document = RouterEventDocument(time: time.wall, topic: "routes", event: event)
        document.interface = interface.map(interfaces.name(of:))
        document.source = tree.source
        document.group = tree.group
        return document
    }

    private func document(
        _ topic: String, _ event: String, _ index: InterfaceIndex, _ address: IPAddress?, at time: RouterTime
    ) -> RouterEventDocument {
        var document = RouterEventDocument(time: time.wall, topic: topic, event: event)
        document.interface = interfaces.name(of: index)
        document.hostAddress = address
        return document
    }

    private func document(_ event: String, owner: String, at time: RouterTime) -> RouterEventDocument {
        var document = RouterEventDocument(time: time.wall, topic: "owners", event: event)
        document.owner = owner
        return document
    }
}

extension OwnerProblem: CustomStringConvertible {
    package var description: String {
        switch self {
        case .feed(.unknownEpoch(let epoch)): "the feed continues an epoch that is not known here: \(epoch)"
        case .feed(.gap(let have, let got)): "the feed has a gap: revision \(got) came after \(have)"
        case .feed(.tooManyItems(let limit)): "the feed holds more than \(limit) items"
        case .tooManyOwners(let limit): "more than \(limit) owners"
        }
    }
}
