import ControlProtocol
import Wire

extension RouterEngine {
    mutating func connectOwner(_ name: String, into actions: inout [RouterAction]) {
        do throws(OwnerProblem) {
            try owners.connect(name)
        } catch {
            refuse(name, error, into: &actions)
            return
        }
        replies.drop(owner: name)
        actions.append(.event(.ownerConnected(name)))
        tellDemand(for: owners[name]?.localTrees ?? [], to: name, into: &actions)
    }

    mutating func disconnectOwner(_ name: String, into actions: inout [RouterAction]) {
        guard owners[name] != nil else { return }
        owners.disconnect(name)
        replies.drop(owner: name)
        actions.append(.event(.ownerDisconnected(name)))
    }

    mutating func apply(
        _ message: FeedMessage<RouterFeedItem>, from name: String, at time: RouterTime,
        into actions: inout [RouterAction]
    ) {
        let difference: OwnerTable.Difference
        do throws(OwnerProblem) {
            difference = try owners.apply(message, from: name)
        } catch {
            refuse(name, error, into: &actions)
            return
        }
        let groups = admission.apply(difference, owner: name).sorted { $0.key < $1.key }
        for (group, hosts) in groups {
            judge(group, hosts, at: time, into: &actions)
            prepareRoutes(to: group, into: &actions)
        }
        judgeUnicastMembers(at: time, into: &actions)
        if case .snapshot = message {
            reconsiderAdoptions(at: time)
        } else {
            for (group, _) in groups { reconsiderAdoptions(of: group, at: time) }
        }
        var added: [SourceGroup] = []
        for case .localTree(let tree) in difference.added { added.append(tree) }
        if !added.isEmpty { tellDemand(for: added, to: name, into: &actions) }
        replies.add(owner: name, message.position)
    }

    private mutating func refuse(_ name: String, _ problem: OwnerProblem, into actions: inout [RouterAction]) {
        counters.feedProblems &+= 1
        actions.append(.feedRefused(owner: name, problem))
        actions.append(.event(.ownerRefused(name, problem)))
    }

    /// Asks for the way to the sources of authorized trees before anybody joins: one thing less to wait for then.
    private mutating func prepareRoutes(to group: IPAddress, into actions: inout [RouterAction]) {
        let sources = admission.authorizations.trees(of: group).compactMap(\.source) + admission.sources[group]
        for source in sources where interfaces.owner(of: source) == nil && routes.needsAsking(source) {
            actions.append(.resolveRoute(source: source))
        }
    }

    private mutating func tellDemand(
        for trees: [SourceGroup], to owner: String, into actions: inout [RouterAction]
    ) {
        let demands = trees.map { TreeDemand(tree: $0, outputPorts: demand(for: $0)) }
        for demand in demands { self.trees[demand.tree]?.reportedDemand = demand.outputPorts }
        if !demands.isEmpty { actions.append(.demand(owner: owner, demands)) }
    }
}
