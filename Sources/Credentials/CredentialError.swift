/// Why a certificate, a key or a file of one cannot be used or made; printed as it is.
package enum CredentialError: Error, Hashable, Sendable, CustomStringConvertible {
    case cannotRead(path: String, reason: String)
    case cannotWrite(path: String, reason: String)
    /// Written only with `--force`.
    case exists(path: String)
    /// A private key that others than its owner can read.
    case readableByOthers(path: String)
    case notPEM(path: String, expected: String)
    case notAName(String)
    case noIdentity
    case keyDoesNotMatch
    case notAnAuthority
    case authorityExpires
    case cannotSign(String)

    package var description: String {
        switch self {
        case .cannotRead(let path, let reason): "cannot read \(path): \(reason)"
        case .cannotWrite(let path, let reason): "cannot write \(path): \(reason)"
        case .exists(let path): "\(path) is there already; --force replaces it"
        case .readableByOthers(let path): "\(path) can be read by others: chmod 600 \(path)"
        case .notPEM(let path, let expected): "\(path) is not \(expected) in PEM form"
        case .notAName(let text): "\"\(text)\" is neither an IP address nor a host name"
        case .noIdentity: "the certificate names no node: its subject alternative names hold no mrp://ROLE/NAME"
        case .keyDoesNotMatch: "the private key does not belong to the certificate"
        case .notAnAuthority: "the certificate is not a certificate authority's"
        case .authorityExpires: "the certificate authority's own certificate has expired or is not valid yet"
        case .cannotSign(let reason): "cannot sign: \(reason)"
        }
    }
}
