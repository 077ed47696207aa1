import Credentials
import NIOSSL

/// What a node shows of itself, and whose certificates it takes, for mutual TLS.
package struct NodeCredentials: Sendable {
    private let chain: [NIOSSLCertificate]
    private let key: NIOSSLPrivateKey
    private let authorities: [NIOSSLCertificate]
    /// Who this node is, by its own certificate.
    package let identity: NodeIdentity

    /// Reads three PEM files; the private key must be readable by its owner alone.
    package init(certificateFile: String, keyFile: String, authorityFile: String) throws(CredentialError) {
        try self.init(
            certificate: CredentialFile.read(certificateFile, as: .shared),
            privateKey: CredentialFile.read(keyFile, as: .privateKey),
            authority: CredentialFile.read(authorityFile, as: .shared))
    }

    /// Takes PEM texts.
    package init(certificate: String, privateKey: String, authority: String) throws(CredentialError) {
        guard let identity = try CertificateSummary(pem: certificate).identity else { throw .noIdentity }
        self.identity = identity
        chain = try Self.certificates(certificate, named: "the certificate")
        authorities = try Self.certificates(authority, named: "the authority's certificate")
        do {
            key = try NIOSSLPrivateKey(bytes: Array(privateKey.utf8), format: .pem)
        } catch {
            throw .notPEM(path: "the private key", expected: "a private key")
        }
    }

    private static func certificates(
        _ text: String, named name: String
    ) throws(CredentialError) -> [NIOSSLCertificate] {
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(Array(text.utf8)), !certificates.isEmpty else {
            throw .notPEM(path: name, expected: "a certificate")
        }
        return certificates
    }

    /// Takes only clients that the authority certified; what they may do, handlers decide by their identity.
    func serverConfiguration() -> TLSConfiguration {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv13
        configuration.trustRoots = .certificates(authorities)
        // A client's certificate is bound to its identity, not to the host it calls from.
        configuration.certificateVerification = .noHostnameVerification
        return configuration
    }

    /// Takes only a server that the authority certified for the very address or name that was dialled.
    func clientConfiguration() -> TLSConfiguration {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv13
        configuration.trustRoots = .certificates(authorities)
        configuration.certificateVerification = .fullVerification
        configuration.certificateChain = chain.map { .certificate($0) }
        configuration.privateKey = .privateKey(key)
        return configuration
    }
}
