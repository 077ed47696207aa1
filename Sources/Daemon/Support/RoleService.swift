import MRPConfiguration
import ServiceLifecycle

/// One role of `mrpd`: runs until its service group shuts down.
package protocol RoleService: Service {
    var role: Role { get }

    /// Returns once the role serves whoever may ask.
    func waitUntilReady() async

    /// Takes over what can change without a restart.
    /// - Returns: keys of the role's section that changed and need one.
    func reload(_ configuration: Configuration) async -> [String]
}

/// Why a role cannot start; each says what to do.
package enum StartError: Error, Hashable, Sendable, CustomStringConvertible {
    case noSection(Role)
    case noCredentials(Role)
    case credentials(Role, String)
    /// The certificate names another node.
    case wrongIdentity(Role, expected: String, found: String)
    case controlSocket(Role, String)
    case router(Role, String)
    case state(path: String, String)

    package var description: String {
        switch self {
        case .noSection(let role): "the configuration has no section \"\(role.rawValue)\""
        case .noCredentials(let role): "\(role.rawValue) needs a \"tls\" section"
        case .credentials(let role, let reason): "\(role.rawValue) cannot use its certificate: \(reason)"
        case .wrongIdentity(let role, let expected, let found):
            "\(role.rawValue) needs a certificate of \(expected), this one is of \(found): "
                + "issue one with mrpctl certificate issue"
        case .controlSocket(let role, let reason): "\(role.rawValue) cannot open its control socket: \(reason)"
        case .router(let role, let reason): "\(role.rawValue) cannot prepare its link to the router: \(reason)"
        case .state(let path, let reason): "\(path): \(reason)"
        }
    }
}
