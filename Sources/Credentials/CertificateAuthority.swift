import Clockwork
import Crypto
import FoundationEssentials
import SwiftASN1
import X509

/// A certificate and its private key, each as PEM text.
package struct CertifiedKey: Sendable {
    package let certificate: String
    package let privateKey: String
}

/// A small certificate authority of our own for networks that have none (ECDSA on P-256, signatures with SHA-256).
package struct CertificateAuthority: Sendable {
    package static let authorityLifetime: Duration = .seconds(10 * 365 * 86_400)
    package static let nodeLifetime: Duration = .seconds(397 * 86_400)
    /// Clocks of nodes may be behind the authority's by this much.
    static let backdating: Duration = .seconds(300)

    private let certificate: Certificate
    private let key: Certificate.PrivateKey

    package var certificatePEM: String {
        get throws(CredentialError) { try PEM.encode(certificate) }
    }

    package var privateKeyPEM: String {
        get throws(CredentialError) { try PEM.encode(key) }
    }

    /// Makes a new authority.
    package init(
        name: String, now: UnixTime, lifetime: Duration = CertificateAuthority.authorityLifetime
    ) throws(CredentialError) {
        let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
        self.key = key
        certificate = try signing {
            let subject = try DistinguishedName { CommonName(name) }
            return try Certificate(
                version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: key.publicKey,
                notValidBefore: Date(now + (.zero - Self.backdating)), notValidAfter: Date(now + lifetime),
                issuer: subject, subject: subject, signatureAlgorithm: .ecdsaWithSHA256,
                extensions: Certificate.Extensions {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                    Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                    SubjectKeyIdentifier(hash: key.publicKey)
                },
                issuerPrivateKey: key)
        }
    }

    /// Takes an authority that was made before.
    package init(certificatePEM: String, privateKeyPEM: String) throws(CredentialError) {
        certificate = try PEM.certificate(certificatePEM)
        key = try PEM.privateKey(privateKeyPEM)
        guard certificate.publicKey == key.publicKey else { throw .keyDoesNotMatch }
        guard case .isCertificateAuthority? = try? certificate.extensions.basicConstraints else {
            throw .notAnAuthority
        }
    }

    /// Certifies a new key of `identity`, reachable under `names`: IP addresses and host names.
    package func issue(
        _ identity: NodeIdentity, names: [String], now: UnixTime,
        lifetime: Duration = CertificateAuthority.nodeLifetime
    ) throws(CredentialError) -> CertifiedKey {
        let nodeKey = Certificate.PrivateKey(P256.Signing.PrivateKey())
        let certified = try certify(nodeKey.publicKey, as: identity, names: names, now: now, lifetime: lifetime)
        return CertifiedKey(certificate: try PEM.encode(certified), privateKey: try PEM.encode(nodeKey))
    }

    /// Certifies the same key, identity and names anew; the private key stays where it is.
    package func renew(
        certificatePEM: String, now: UnixTime, lifetime: Duration = CertificateAuthority.nodeLifetime
    ) throws(CredentialError) -> String {
        let old = try CertificateSummary(pem: certificatePEM)
        guard let identity = old.identity else { throw .noIdentity }
        let key = try PEM.certificate(certificatePEM).publicKey
        return try PEM.encode(certify(key, as: identity, names: old.names, now: now, lifetime: lifetime))
    }

    private func certify(
        _ publicKey: Certificate.PublicKey, as identity: NodeIdentity, names: [String], now: UnixTime,
        lifetime: Duration
    ) throws(CredentialError) -> Certificate {
        guard certificate.notValidBefore <= Date(now), certificate.notValidAfter > Date(now) else {
            throw .authorityExpires
        }
        var alternatives: [GeneralName] = [.uniformResourceIdentifier(identity.uri)]
        for name in names { alternatives.append(try SubjectName.general(name)) }
        let end = min(Date(now + lifetime), certificate.notValidAfter)
        return try signing {
            try Certificate(
                version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: publicKey,
                notValidBefore: Date(now + (.zero - Self.backdating)), notValidAfter: end,
                issuer: certificate.subject, subject: DistinguishedName { CommonName(identity.name) },
                signatureAlgorithm: .ecdsaWithSHA256,
                extensions: Certificate.Extensions {
                    Critical(BasicConstraints.notCertificateAuthority)
                    Critical(KeyUsage(digitalSignature: true))
                    try ExtendedKeyUsage([.serverAuth, .clientAuth])
                    SubjectKeyIdentifier(hash: publicKey)
                    try AuthorityKeyIdentifier(
                        keyIdentifier: certificate.extensions.subjectKeyIdentifier?.keyIdentifier)
                    SubjectAlternativeNames(alternatives)
                },
                issuerPrivateKey: key)
        }
    }
}

/// Runs what the certificate library may refuse.
private func signing(_ make: () throws -> Certificate) throws(CredentialError) -> Certificate {
    do {
        return try make()
    } catch {
        throw .cannotSign("\(error)")
    }
}

extension Date {
    init(_ time: UnixTime) {
        self.init(timeIntervalSince1970: Double(time.milliseconds / 1_000))
    }
}

extension UnixTime {
    init(_ date: Date) {
        self.init(milliseconds: Int64(date.timeIntervalSince1970 * 1_000))
    }
}
