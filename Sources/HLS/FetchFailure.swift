/// Why a request brought nothing usable.
package enum FetchFailure: Error, Hashable, Sendable, CustomStringConvertible {
    case status(Int)
    case connectionFailed
    case timedOut
    case tooLarge
    /// The body ended before its announced length.
    case truncated
    case redirectRefused(RedirectPolicy.Refusal)
    /// The segment's key could not be had, or was none.
    case noKey
    /// It was not encrypted with the key that the list names, or is damaged.
    case undecryptable

    package var description: String {
        switch self {
        case .status(let code): "HTTP status \(code)"
        case .connectionFailed: "connection failed"
        case .timedOut: "timed out"
        case .tooLarge: "body too large"
        case .truncated: "body cut short"
        case .redirectRefused(let refusal): "redirect refused: \(refusal)"
        case .noKey: "the key cannot be had"
        case .undecryptable: "cannot be decrypted with the key the list names"
        }
    }

    /// What failures are counted by.
    package enum Kind: String, CaseIterable, Codable, Sendable {
        case notFound = "not-found"
        case serverError = "server-error"
        case otherStatus = "other-status"
        case connection, timeout
        case tooLarge = "too-large"
        case truncated, redirect
        case noKey = "no-key"
        case undecryptable
    }

    package var kind: Kind {
        switch self {
        case .status(404), .status(410): .notFound
        case .status(500...): .serverError
        case .status: .otherStatus
        case .connectionFailed: .connection
        case .timedOut: .timeout
        case .tooLarge: .tooLarge
        case .truncated: .truncated
        case .redirectRefused: .redirect
        case .noKey: .noKey
        case .undecryptable: .undecryptable
        }
    }
}
