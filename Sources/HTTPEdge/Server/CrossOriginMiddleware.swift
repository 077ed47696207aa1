import HTTPTypes
import Hummingbird

/// Lets web pages of any origin read what clients may have (the Fetch standard's CORS protocol). Nothing here rests on
/// cookies: who may have what, tokens and grants in the request say.
struct CrossOriginMiddleware: RouterMiddleware {
    private static let preflightSeconds = 86_400

    func handle(
        _ request: Request, context: EdgeContext, next: (Request, EdgeContext) async throws -> Response
    ) async throws -> Response {
        guard request.headers[.origin] != nil else { return try await next(request, context) }
        if request.method == .options, request.headers[.accessControlRequestMethod] != nil {
            return Response(
                status: .noContent,
                headers: [
                    .accessControlAllowOrigin: "*", .accessControlAllowMethods: "GET, HEAD, POST",
                    .accessControlAllowHeaders: "authorization, range",
                    .accessControlMaxAge: "\(Self.preflightSeconds)",
                ])
        }
        var response = try await next(request, context)
        response.headers[.accessControlAllowOrigin] = "*"
        response.headers[.accessControlExposeHeaders] = "content-length, content-range"
        return response
    }
}
