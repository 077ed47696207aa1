import Clockwork
import ControlProtocol

extension LiveProxyEvent {
    /// What watchers get.
    package func document(at time: UnixTime) -> RoleEventDocument {
        func event(
            _ topic: RoleTopic, _ name: String, _ channel: ChannelKey? = nil, peer: String? = nil,
            reason: String? = nil, detail: String? = nil
        ) -> RoleEventDocument {
            var document = RoleEventDocument(time: time, role: .liveProxy, topic: topic.rawValue, event: name)
            (document.channel, document.peer, document.reason, document.detail) = (channel, peer, reason, detail)
            return document
        }
        switch self {
        case .allocated(let channel, let generation):
            return event(.channels, "allocated", channel, detail: "generation \(generation)")
        case .refused(let channel, let reason): return event(.channels, "allocation-refused", channel, reason: reason)
        case .released(let channel, let generation, let reason):
            return event(.channels, "released", channel, reason: reason, detail: "generation \(generation)")
        case .firstViewer(let channel): return event(.channels, "first-viewer-joined", channel)
        case .lastViewer(let channel): return event(.channels, "last-viewer-left", channel)
        case .replicationPointRegistered(let name):
            return event(.sessions, "replication-point-registered", peer: name)
        case .replicationPointExpired(let name): return event(.sessions, "replication-point-expired", peer: name)
        case .feedsOpened(let afterHold):
            return event(.feeds, "feeds-opened", detail: afterHold ? "not every server had spoken in time" : nil)
        case .feedLost(let server, let reason): return event(.feeds, "feed-lost", peer: server, detail: reason)
        }
    }
}
