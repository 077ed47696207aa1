import ControlProtocol
import OperatorConsole

/// Values for completions, asked of the programs in the default folder; silent when they do not answer.
enum LiveNames {
    static let subscribers: @Sendable ([String], Int, String) -> [String] = { _, _, _ in
        values(.subscribers, SubscribersDocument.self) { $0.subscribers.map(\.subscriber) }
            + values(.subscribers, RouterSubscribersDocument.self) { $0.authorizations.map(\.subscriber) }
    }

    static let channels: @Sendable ([String], Int, String) -> [String] = { _, _, _ in
        values(.channels, ChannelsDocument.self) { $0.channels.map(\.channel.description) }
    }

    private static func values<Document: Decodable>(
        _ topic: ShowTopic, _ type: Document.Type, _ names: (Document) -> [String]
    ) -> [String] {
        guard let directory = try? ControlDirectory(paths: nil), let shown = try? topic.documents(in: directory) else {
            return []
        }
        let found = shown.compactMap { try? ControlDirectory.decode(type, from: $0.json) }.flatMap(names)
        return Set(found).sorted()
    }
}
