/// The certificates and the token key of a deployment, made with the operator's own tool.
package struct DeploymentCredentials {
    private let mrpctl: String
    private let folder: String

    /// Makes a certificate authority and a token key in `folder`.
    package init(mrpctl: String, folder: String) throws {
        self.mrpctl = mrpctl
        self.folder = folder
        try check([mrpctl, "certificate", "authority", "--directory", folder])
        try check([mrpctl, "token", "key", "--directory", folder])
    }

    package var authority: String { "\(folder)/authority.pem" }
    package var tokenPublicKey: String { "\(folder)/token.pub.pem" }

    /// The `tls:` section of a node whose certificate is made now.
    package func issue(role: String, node: String, addresses: [String]) throws -> String {
        try check(
            [mrpctl, "certificate", "issue", "--directory", folder, "--role", role, "--name", node]
                + addresses.flatMap { ["--address", $0] })
        return """
            tls:
              certificate: \(folder)/\(node).pem
              key: \(folder)/\(node).key
              authority: \(authority)
            """
    }

    /// A signed token for `subscriber`.
    package func token(for subscriber: String, lifetime: String = "1h") throws -> String {
        try check([
            mrpctl, "token", "issue", subscriber, "--directory", folder, "--lifetime", lifetime,
        ]).split(separator: "\n").map(String.init).last ?? ""
    }
}
