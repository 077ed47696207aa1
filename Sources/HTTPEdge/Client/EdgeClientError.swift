import AsyncHTTPClient
import ControlProtocol
import NIOCore
import NIOPosix
import NIOSSL

/// Why a request to a server or a node got no good answer.
package enum EdgeClientError: Error, Hashable, Sendable, CustomStringConvertible {
    /// No connection, or it broke: worth another try.
    case unreachable(String)
    case timedOut
    /// The other end is not who it should be, or does not take us.
    case notTrusted(String)
    /// It refused, and said why.
    case refused(Problem)
    /// It answered something else than was agreed.
    case badAnswer(String)
    case badURL(String)

    package var description: String {
        switch self {
        case .unreachable(let reason): "no connection: \(reason)"
        case .timedOut: "no answer in time"
        case .notTrusted(let reason): "the TLS handshake failed: \(reason)"
        case .refused(let problem): "\(problem.title) (\(problem.code))"
        case .badAnswer(let reason): "an unexpected answer: \(reason)"
        case .badURL(let url): "\"\(url)\" is no http or https URL"
        }
    }

    init(_ error: any Error) {
        switch error {
        case let error as EdgeClientError: self = error
        case let error as HTTPClientError where Self.timeouts.contains(error): self = .timedOut
        case let error as HTTPClientError where Self.urlErrors.contains(error): self = .badURL("\(error)")
        case let error as NIOSSLError: self = .notTrusted("\(error)")
        case let error as NIOSSLExtraError: self = .notTrusted("\(error)")
        case let error as BoringSSLError: self = .notTrusted("\(error)")
        case let error as NIOConnectionError: self = .unreachable(Self.reason(of: error))
        case let error as IOError: self = .unreachable(error.description)
        default: self = .unreachable("\(error)")
        }
    }

    private static let timeouts: [HTTPClientError] = [
        .readTimeout, .writeTimeout, .connectTimeout, .tlsHandshakeTimeout, .deadlineExceeded,
        .getConnectionFromPoolTimeout,
    ]
    private static let urlErrors: [HTTPClientError] = [.invalidURL, .emptyHost, .emptyScheme]

    private static func reason(of error: NIOConnectionError) -> String {
        let tried = error.connectionErrors.map { "\($0.target): \($0.error)" }
        return tried.isEmpty ? "\(error.host):\(error.port) has no address" : tried.joined(separator: ", ")
    }
}
