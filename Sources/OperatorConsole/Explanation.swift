import ControlProtocol
import Wire

/// The way from entitlement to packet, as far as this host can see it.
package struct Explanation: Codable, Hashable, Sendable {
    package static let schemaName = "mrp.explanation/1"

    /// What one element says; a router says it of one tree.
    package struct Part: Codable, Hashable, Sendable {
        package var element: Element
        package var node: String?
        package var tree: SourceGroup?
        package var steps: [ExplainStep]

        package init(element: Element, node: String?, tree: SourceGroup? = nil, steps: [ExplainStep]) {
            self.element = element
            self.node = node
            self.tree = tree
            self.steps = steps
        }

        /// Steps that hold before the first that does not.
        package var progress: Int { steps.prefix { $0.state == .ok }.count }
    }

    package var schema = Explanation.schemaName
    package var subscriber: String
    package var channel: String
    package var parts: [Part]
    /// Of elements that are here several times, those that got less far: a viewer hangs on one replication point and
    /// watches one rendition, so these do not count.
    package var others: [Part]

    package init(subscriber: String, channel: String, parts: [Part], others: [Part] = []) {
        self.subscriber = subscriber
        self.channel = channel
        self.parts = parts
        self.others = others
    }

    package var firstFailure: (part: Part, step: ExplainStep)? {
        for part in parts {
            if let step = part.steps.first(where: { $0.state == .failed }) { return (part, step) }
        }
        return nil
    }

    package var isComplete: Bool { parts.allSatisfy { $0.steps.allSatisfy { $0.state == .ok } } }
}

/// What is to be explained: a channel by name, or one tree directly.
package enum ExplainTarget: Hashable, Sendable {
    case channel(ChannelKey)
    case tree(SourceGroup)

    /// Reads `provider/channel`, or a tree as `S,G` or `(S,G)`.
    package init?(text: String) {
        if let channel = ChannelKey(text: text) {
            self = .channel(channel)
            return
        }
        var inner = text[...]
        if inner.hasPrefix("("), inner.hasSuffix(")") { inner = inner.dropFirst().dropLast() }
        let parts = inner.split(separator: ",", omittingEmptySubsequences: false)
        guard parts.count == 2, let source = IPAddress(parts[0]), let group = IPAddress(parts[1]), group.isMulticast
        else { return nil }
        self = .tree(SourceGroup(source: source, group: group))
    }

    package var description: String {
        switch self {
        case .channel(let channel): channel.description
        case .tree(let tree): tree.description
        }
    }
}

extension Explanation {
    /// Asks every role here about the channel, and every router here about the trees they name.
    package static func gather(
        subscriber: String, target: ExplainTarget, in directory: ControlDirectory
    ) throws(ConsoleError) -> Explanation {
        var parts: [Part] = []
        var others: [Part] = []
        var trees: Set<SourceGroup> = []
        switch target {
        case .tree(let tree): trees = [tree]
        case .channel(let channel):
            for element in Element.allCases where element != .router {
                let found = try ask(element, subscriber, channel, directory)
                trees.formUnion(found.flatMap(\.explanation.trees))
                let ranked = found.map { Part(element: element, node: $0.node, steps: $0.explanation.steps) }
                let best = furthest(of: ranked)
                parts.append(best ?? notHere(element, subscriber, target))
                others += ranked.filter { $0 != best }
            }
        }
        let routers = try askRouters(subscriber, trees.sorted(), directory)
        let best = furthest(of: routers)
        return Explanation(
            subscriber: subscriber, channel: target.description,
            parts: parts + [best ?? notHere(.router, subscriber, target, treesKnown: !trees.isEmpty)],
            others: others + routers.filter { $0 != best })
    }

    /// The first of those with the most steps that hold.
    private static func furthest(of parts: [Part]) -> Part? {
        guard let most = parts.map(\.progress).max() else { return nil }
        return parts.first { $0.progress == most }
    }

    private static func ask(
        _ element: Element, _ subscriber: String, _ channel: ChannelKey, _ directory: ControlDirectory
    ) throws(ConsoleError) -> [(node: String, explanation: RoleExplanation)] {
        var found: [(node: String, explanation: RoleExplanation)] = []
        for endpoint in directory.endpoints(of: [element]) {
            let json = try RoleConversation(path: endpoint.path).document(
                .explain(subscriber: subscriber, channel: channel))
            found.append((endpoint.description.node, try ControlDirectory.decode(RoleExplanation.self, from: json)))
        }
        return found
    }

    private static func askRouters(
        _ subscriber: String, _ trees: [SourceGroup], _ directory: ControlDirectory
    ) throws(ConsoleError) -> [Part] {
        var parts: [Part] = []
        for endpoint in directory.endpoints(of: [.router]) {
            for tree in trees {
                let json = try RouterConversation(path: endpoint.path).document(
                    .explain(subscriber: subscriber, tree: tree))
                let document = try ControlDirectory.decode(ExplainDocument.self, from: json)
                parts.append(
                    Part(element: .router, node: endpoint.description.node, tree: tree, steps: document.steps))
            }
        }
        return parts
    }

    /// A step per element that is not on this host, so that nobody takes silence for health.
    private static func notHere(
        _ element: Element, _ subscriber: String, _ target: ExplainTarget, treesKnown: Bool = false
    ) -> Part {
        let name: String
        switch element {
        case .ottServer: name = "entitlement"
        case .liveProxy: name = "allocation"
        case .replicationPoint: name = "authorized"
        case .router: name = "membership"
        }
        let detail =
            element == .router && !treesKnown
            ? "the channel's trees are not known here" : "no \(element.rawValue) runs on this host"
        return Part(
            element: element, node: nil,
            steps: [
                ExplainStep(
                    name, .unknown, detail, reason: "not-visible-here",
                    hint: "on the \(element.rawValue)'s host: mrpctl explain \(subscriber) \(target.description)")
            ])
    }
}
