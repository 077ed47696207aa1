import ControlProtocol
import Credentials
import Hummingbird
import NIOCore
import NIOSSL

/// Reads who the other end of a mutual TLS connection is. The handshake has proved that the authority certified it.
struct PeerIdentityMiddleware: RouterMiddleware {
    func handle(
        _ request: Request, context: EdgeContext, next: (Request, EdgeContext) async throws -> Response
    ) async throws -> Response {
        var context = context
        let certificate = try await context.channel.nioSSL_peerCertificate().get()
        guard let certificate, let identity = try CertificateSummary(der: certificate.toDERBytes()).identity else {
            throw Problem(
                code: "no-identity", status: 403, title: "The certificate names no node",
                detail: "Issue one with mrpctl certificate issue: it carries mrp://ROLE/NAME.")
        }
        context.peer = identity
        return try await next(request, context)
    }
}
