import Clockwork
import ControlProtocol
import Wire

extension ReplicationPointEvent {
    /// What watchers get.
    package func document(at time: UnixTime) -> RoleEventDocument {
        func event(
            _ topic: RoleTopic, _ name: String, _ channel: ChannelKey? = nil, subscriber: String? = nil,
            peer: IPAddress? = nil, reason: String? = nil, detail: String? = nil
        ) -> RoleEventDocument {
            var document = RoleEventDocument(time: time, role: .replicationPoint, topic: topic.rawValue, event: name)
            (document.channel, document.subscriber, document.detail) = (channel, subscriber, detail)
            (document.peer, document.reason) = (peer?.description, reason)
            return document
        }
        switch self {
        case .authorized(let subscriber, let channel):
            return event(.subscribers, "authorized", channel, subscriber: subscriber)
        case .withdrawn(let subscriber, let channel):
            return event(.subscribers, "authorization-withdrawn", channel, subscriber: subscriber)
        case .expired(let subscriber, let channel):
            return event(.subscribers, "authorization-expired", channel, subscriber: subscriber)
        case .channelMapped(let channel, let generation):
            return event(.channels, "channel-mapped", channel, detail: "generation \(generation)")
        case .channelUnmapped(let channel): return event(.channels, "channel-unmapped", channel)
        case .feedLost(let reason): return event(.feeds, "feed-lost", detail: reason)
        case .sessionOpened(let subscriber, let channel, let address):
            return event(.sessions, "session-opened", channel, subscriber: subscriber, peer: address)
        case .sessionClosed(let subscriber, let channel, let address, let reason):
            return event(
                .sessions, "session-closed", channel, subscriber: subscriber, peer: address, reason: reason.rawValue)
        case .viewerRefused(let subscriber, let channel, let address, let reason):
            return event(
                .sessions, "viewer-refused", channel, subscriber: subscriber, peer: address, reason: reason.rawValue)
        }
    }
}
