import ControlProtocol
import Credentials
import Hummingbird
import Logging
import NIOCore
import Wire

/// What a handler knows of a request beside the request.
package struct EdgeContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    let channel: any Channel
    /// Who the other end proved to be; nil on the client listener.
    package internal(set) var peer: NodeIdentity?

    package init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }

    /// The other end's address; an IPv4 address that came by an IPv6 socket is an IPv4 address.
    package var remoteAddress: IPAddress? { IPAddress(remote: channel) }

    /// Refuses unless the other end is `role` and its certificate carries the very name it acts under.
    package func requirePeer(_ role: NodeRole, named name: String) throws(Problem) {
        guard let peer, peer.role == role, peer.name == name else {
            throw Problem(
                code: "wrong-identity", status: 403,
                title: "\(peer?.description ?? "an unknown node") may not act as \(role.rawValue) \(name)",
                detail: "Use the certificate of \(role.rawValue) \(name), or issue one with mrpctl certificate issue.")
        }
    }

    /// Refuses unless the other end has one of `roles`.
    package func requirePeer(in roles: NodeRole...) throws(Problem) {
        guard let peer, roles.contains(peer.role) else {
            throw Problem(
                code: "wrong-identity", status: 403,
                title: "\(peer?.description ?? "an unknown node") may not ask this",
                detail: "Only these may: \(roles.map(\.rawValue).joined(separator: ", ")).")
        }
    }
}
