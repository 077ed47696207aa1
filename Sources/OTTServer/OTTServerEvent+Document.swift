import Authorization
import Clockwork
import ControlProtocol

extension OTTServerEvent {
    /// A line of `mrpctl watch` and of the log.
    package func document(at time: UnixTime) -> RoleEventDocument {
        func event(_ topic: RoleTopic, _ name: String) -> RoleEventDocument {
            RoleEventDocument(time: time, role: .ottServer, topic: topic.rawValue, event: name)
        }
        var document: RoleEventDocument
        switch self {
        case .proxyRegistered(let name):
            document = event(.sessions, "proxy-registered")
            document.peer = name
        case .proxyExpired(let name):
            document = event(.sessions, "proxy-expired")
            document.peer = name
        case .proxyForgotten(let name):
            document = event(.sessions, "proxy-forgotten")
            document.peer = name
        case .allocationAsked(let proxy, let channel, let serial):
            document = event(.channels, "allocation-asked")
            document.peer = proxy
            document.channel = channel
            document.detail = "serial \(serial)"
        case .allocationRefused(let proxy, let channel, let reason):
            document = event(.channels, "allocation-refused")
            document.peer = proxy
            document.channel = channel
            document.reason = reason
        case .allocationReleased(let proxy, let channel):
            document = event(.channels, "allocation-released")
            document.peer = proxy
            document.channel = channel
        case .authorized(let subscriber, let channel, let proxy):
            document = event(.subscribers, "authorized")
            document.subscriber = subscriber
            document.channel = channel
            document.peer = proxy
        case .revoked(let subscriber, let channel, let reason):
            document = event(.subscribers, "revoked")
            document.subscriber = subscriber
            document.channel = channel
            document.reason = reason.rawValue
        case .expired(let subscriber, let channel):
            document = event(.subscribers, "expired")
            document.subscriber = subscriber
            document.channel = channel
        case .joinRefused(let subscriber, let channel, let code):
            document = event(.subscribers, "join-refused")
            document.subscriber = subscriber
            document.channel = channel
            document.reason = code
        }
        return document
    }
}
