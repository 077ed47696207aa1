import Credentials
import HTTPEdge
import MRPConfiguration

extension Configuration {
    /// The certificate `role` shows, after a check that it is the role's and this node's.
    package func credentials(for role: Role) throws(StartError) -> NodeCredentials {
        guard let files = tls(for: role) else { throw .noCredentials(role) }
        let credentials: NodeCredentials
        do throws(CredentialError) {
            credentials = try NodeCredentials(
                certificateFile: files.certificate, keyFile: files.key, authorityFile: files.authority)
        } catch {
            throw .credentials(role, "\(error)")
        }
        let expected = NodeRole(rawValue: role.rawValue).flatMap { NodeIdentity(role: $0, name: node) }
        guard let expected, credentials.identity == expected else {
            throw .wrongIdentity(
                role, expected: expected?.description ?? node, found: credentials.identity.description)
        }
        return credentials
    }
}
