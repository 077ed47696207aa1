import ControlProtocol
import HTTPTypes
import Hummingbird
import Logging
import NIOCore

/// Answers what handlers throw as `application/problem+json` (RFC 9457).
struct ProblemMiddleware: RouterMiddleware {
    func handle(
        _ request: Request, context: EdgeContext, next: (Request, EdgeContext) async throws -> Response
    ) async throws -> Response {
        do {
            return try await next(request, context)
        } catch let problem as Problem {
            return .problem(problem)
        } catch let error as any HTTPResponseError {
            return .problem(Problem(status: error.status))
        } catch is NIOTooManyBytesError {
            return .problem(Problem(status: .contentTooLarge))
        } catch {
            context.logger.error("handler failed", metadata: ["error": "\(error)", "path": "\(request.uri.path)"])
            return .problem(Problem(status: .internalServerError))
        }
    }
}

extension Problem {
    /// For refusals of the HTTP layer itself.
    init(status: HTTPResponse.Status) {
        let detail =
            switch status.code {
            case 404: "GET /openapi.yaml lists what there is."
            case 405: "GET /openapi.yaml lists what each path takes."
            case 413: "Send less at once."
            case 500: "Try again; the operator finds the reason in the log."
            default: "Correct the request."
            }
        self.init(
            code: status.reasonPhrase.lowercased().split(separator: " ").joined(separator: "-"), status: status.code,
            title: status.reasonPhrase, detail: detail)
    }
}
