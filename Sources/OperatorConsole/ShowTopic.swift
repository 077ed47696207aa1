import Clockwork
import ControlProtocol

/// The nouns of `mrpctl show`.
package enum ShowTopic: String, CaseIterable, Sendable {
    case groups, subscribers, channels, interfaces, neighbors, routes, sessions, counters, feeds, status

    /// What everybody who knows this topic says of it, in the order of the elements: JSON documents.
    package func documents(in directory: ControlDirectory) throws(ConsoleError) -> [ShownDocument] {
        let endpoints = directory.endpoints(showing: rawValue)
        guard !endpoints.isEmpty else {
            throw ConsoleError(
                .notReachable, "nobody here shows \(rawValue)",
                hint: "It is known to: \(elements). Run mrpctl on such a host, or name a socket: --socket PATH.")
        }
        var documents: [ShownDocument] = []
        for endpoint in endpoints {
            let json =
                endpoint.description.element == .router
                ? try RouterConversation(path: endpoint.path).document(.show(topic: rawValue))
                : try RoleConversation(path: endpoint.path).document(.show(topic: rawValue))
            documents.append(ShownDocument(topic: self, element: endpoint.description, json: json))
        }
        return documents
    }

    private var elements: String {
        var names = RoleTopic(rawValue: rawValue) == nil ? [] : ["ott-server", "live-proxy", "replication-point"]
        if RouterTopic(rawValue: rawValue) != nil { names.append("router") }
        return names.joined(separator: ", ")
    }
}

/// One element's answer to `show`.
package struct ShownDocument: Sendable {
    package var topic: ShowTopic
    package var element: ElementDescription
    /// One line.
    package var json: String

    package init(topic: ShowTopic, element: ElementDescription, json: String) {
        self.topic = topic
        self.element = element
        self.json = json
    }

    /// The document as a table.
    package func lines(on terminal: Terminal, now: UnixTime) throws(ConsoleError) -> [String] {
        let isRouter = element.element == .router
        switch topic {
        case .groups: return RouterPrinters.lines(try read(GroupsDocument.self), on: terminal)
        case .interfaces: return RouterPrinters.lines(try read(InterfacesDocument.self), on: terminal)
        case .neighbors: return RouterPrinters.lines(try read(NeighborsDocument.self), on: terminal)
        case .routes: return RouterPrinters.lines(try read(RoutesDocument.self), on: terminal)
        case .status: return RouterPrinters.lines(try read(RouterStatusDocument.self), on: terminal)
        case .channels: return RolePrinters.lines(try read(ChannelsDocument.self), on: terminal)
        case .sessions: return RolePrinters.lines(try read(SessionsDocument.self), on: terminal, now: now)
        case .feeds: return RolePrinters.lines(try read(FeedsDocument.self), on: terminal)
        case .subscribers where isRouter:
            return RouterPrinters.lines(try read(RouterSubscribersDocument.self), on: terminal)
        case .subscribers: return RolePrinters.lines(try read(SubscribersDocument.self), on: terminal, now: now)
        case .counters where isRouter: return RouterPrinters.lines(try read(CountersDocument.self), on: terminal)
        case .counters: return RolePrinters.lines(try read(RoleCountersDocument.self), on: terminal)
        }
    }

    private func read<Document: Decodable>(_ type: Document.Type) throws(ConsoleError) -> Document {
        try ControlDirectory.decode(type, from: json)
    }
}
