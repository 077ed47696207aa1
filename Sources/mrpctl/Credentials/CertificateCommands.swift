import ArgumentParser
import Clockwork
import ControlProtocol
import Credentials
import JSONCoding
import LinuxIO
import OperatorConsole
import Wire

extension NodeRole: ExpressibleByArgument {}

struct CertificateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "certificate", abstract: "Makes a certificate authority, and certificates for nodes.",
        discussion: """
            Nodes talk to each other by mutual TLS. The authority is authority.pem and authority.key in the folder; a
            node gets NAME.pem and NAME.key. Only NAME.pem, NAME.key and authority.pem belong on the node's host.
            """,
        subcommands: [Authority.self, Issue.self, Renew.self, Show.self])

    static let authorityCertificate = "authority.pem"
    static let authorityKey = "authority.key"

    struct Authority: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Makes a new certificate authority.")

        @OptionGroup var folder: CredentialFolder
        @Option(help: "The name in its certificate.")
        var name = "mrp authority"
        @Option(help: "How long it is valid, such as 3650d.")
        var lifetime = Lifetime(CertificateAuthority.authorityLifetime)

        func run() throws {
            try folder.prepare()
            try folder.requireAbsent(authorityCertificate, authorityKey)
            let (certificate, key) = try reporting { () throws(CredentialError) in
                let authority = try CertificateAuthority(name: name, now: WallClock.now(), lifetime: lifetime.duration)
                return (try authority.certificatePEM, try authority.privateKeyPEM)
            }
            try folder.write(key, to: authorityKey, as: .privateKey)
            try folder.write(certificate, to: authorityCertificate, as: .shared)
            StandardOutput.print("made \(folder.path(authorityCertificate)) and \(folder.path(authorityKey))")
        }
    }

    struct Issue: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes a key and a certificate for a node.")

        @OptionGroup var folder: CredentialFolder
        @Option(help: "What the node acts as: \(NodeRole.allCases.map(\.rawValue).joined(separator: ", ")).")
        var role: NodeRole
        @Option(help: "The node's name, as in its configuration.")
        var name: String
        @Option(help: "An IP address or host name that others dial; may be repeated.")
        var address: [String] = []
        @Option(help: "How long it is valid, such as 397d.")
        var lifetime = Lifetime(CertificateAuthority.nodeLifetime)

        func run() throws {
            guard let identity = NodeIdentity(role: role, name: name) else {
                throw ValidationError(
                    "\"\(name)\" is no name of a node: 1 to 64 letters, digits, dots, underlines, hyphens")
            }
            try folder.requireAbsent("\(name).pem", "\(name).key")
            let authority = try readAuthority(folder)
            let certified = try reporting { () throws(CredentialError) in
                try authority.issue(identity, names: address, now: WallClock.now(), lifetime: lifetime.duration)
            }
            try folder.write(certified.privateKey, to: "\(name).key", as: .privateKey)
            try folder.write(certified.certificate, to: "\(name).pem", as: .shared)
            StandardOutput.print("made \(folder.path("\(name).pem")) and \(folder.path("\(name).key")) for \(identity)")
        }
    }

    struct Renew: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Certifies a node's key anew, with the same role, name and addresses.",
            discussion: "The key stays as it is. Restart the node's programs to use the new certificate.")

        @Argument(help: "The node's name: NAME.pem in the folder is replaced.")
        var name: String
        @OptionGroup var folder: CredentialFolder
        @Option(help: "How long it is valid from now, such as 397d.")
        var lifetime = Lifetime(CertificateAuthority.nodeLifetime)

        func run() throws {
            let authority = try readAuthority(folder)
            let old = try folder.read("\(name).pem", as: .shared)
            let renewed = try reporting { () throws(CredentialError) in
                try authority.renew(certificatePEM: old, now: WallClock.now(), lifetime: lifetime.duration)
            }
            try reporting { () throws(CredentialError) in
                try CredentialFile.write(renewed, to: folder.path("\(name).pem"), as: .shared, replacing: true)
            }
            StandardOutput.print("renewed \(folder.path("\(name).pem"))")
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows what a certificate says.")

        @Argument(help: "A PEM file.", completion: .file())
        var file: String
        @Flag(help: "One JSON document.")
        var json = false

        func run() throws {
            let summary = try reporting { () throws(CredentialError) in
                try CertificateSummary(pem: CredentialFile.read(file, as: .shared))
            }
            StandardOutput.print(json ? try JSONText.encode(summary) : text(of: summary))
        }

        private func text(of summary: CertificateSummary) -> String {
            let remaining = summary.notAfter - WallClock.now()
            let standing = remaining < .zero ? "expired" : "\(remaining.components.seconds / 86_400) days left"
            return [
                "subject     \(summary.subject)",
                "issuer      \(summary.issuer)",
                "identity    \(summary.uri ?? (summary.isAuthority ? "certificate authority" : "none"))",
                "addresses   \(summary.names.joined(separator: ", "))",
                "not before  \(summary.notBefore.calendarText)",
                "not after   \(summary.notAfter.calendarText) (\(standing))",
                "serial      \(summary.serial)",
            ].joined(separator: "\n")
        }
    }

    private static func readAuthority(_ folder: CredentialFolder) throws -> CertificateAuthority {
        let certificate = try folder.read(authorityCertificate, as: .shared)
        let key = try folder.read(authorityKey, as: .privateKey)
        return try reporting { () throws(CredentialError) in
            try CertificateAuthority(certificatePEM: certificate, privateKeyPEM: key)
        }
    }
}
