import Clockwork
import FoundationEssentials
import SwiftASN1
import Wire
import X509

/// What a person, or a node that meets another, wants to know of a certificate.
package struct CertificateSummary: Codable, Hashable, Sendable {
    package let subject: String
    package let issuer: String
    package let serial: String
    package let notBefore: UnixTime
    package let notAfter: UnixTime
    package let isAuthority: Bool
    /// `mrp://ROLE/NAME`; nil for a certificate authority.
    package let uri: String?
    /// IP addresses and host names.
    package let names: [String]

    package init(pem: String) throws(CredentialError) {
        try self.init(PEM.certificate(pem))
    }

    /// Reads a certificate as a TLS peer presents it.
    package init(der: [UInt8]) throws(CredentialError) {
        let certificate: Certificate
        do {
            certificate = try Certificate(derEncoded: der)
        } catch {
            throw .notPEM(path: "the peer's certificate", expected: "a certificate")
        }
        try self.init(certificate)
    }

    private init(_ certificate: Certificate) throws(CredentialError) {
        subject = certificate.subject.description
        issuer = certificate.issuer.description
        serial = certificate.serialNumber.description
        notBefore = UnixTime(certificate.notValidBefore)
        notAfter = UnixTime(certificate.notValidAfter)
        let constraints = try? certificate.extensions.basicConstraints
        if case .isCertificateAuthority? = constraints { isAuthority = true } else { isAuthority = false }
        let alternatives = (try? certificate.extensions.subjectAlternativeNames).map { Array($0) } ?? []
        let uris = alternatives.compactMap { if case .uniformResourceIdentifier(let uri) = $0 { uri } else { nil } }
        // Two identities in one certificate would leave it to chance which one counts.
        uri = uris.count == 1 ? uris[0] : nil
        names = alternatives.compactMap(SubjectName.text)
    }

    package var identity: NodeIdentity? { uri.flatMap { NodeIdentity(uri: $0) } }
}

/// Names in a certificate's subject alternative names (RFC 5280 §4.2.1.6).
enum SubjectName {
    static func general(_ text: String) throws(CredentialError) -> GeneralName {
        if let address = IPAddress(text) { return .ipAddress(ASN1OctetString(contentBytes: bytes(of: address)[...])) }
        guard isHostName(text) else { throw .notAName(text) }
        return .dnsName(text)
    }

    static func text(_ name: GeneralName) -> String? {
        switch name {
        case .dnsName(let name): name
        case .ipAddress(let octets): address(Array(octets.bytes))?.description
        default: nil
        }
    }

    private static func isHostName(_ text: String) -> Bool {
        guard (1...253).contains(text.utf8.count) else { return false }
        return text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                && label.utf8.allSatisfy { byte in
                    (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte)
                        || byte == 0x2D
                }
        }
    }

    private static func bytes(of address: IPAddress) -> [UInt8] {
        switch address {
        case .v4(let v4): bigEndian(v4.rawValue)
        case .v6(let v6): bigEndian(v6.high) + bigEndian(v6.low)
        }
    }

    private static func address(_ bytes: [UInt8]) -> IPAddress? {
        func number(_ slice: ArraySlice<UInt8>) -> UInt64 { slice.reduce(0) { $0 << 8 | UInt64($1) } }
        switch bytes.count {
        case 4: return .v4(IPv4Address(rawValue: UInt32(number(bytes[...]))))
        case 16: return .v6(IPv6Address(high: number(bytes[..<8]), low: number(bytes[8...])))
        default: return nil
        }
    }

    private static func bigEndian<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        (0..<Number.bitWidth / 8).reversed().map { UInt8(truncatingIfNeeded: number >> Number($0 * 8)) }
    }
}

/// Certificates and keys to PEM text and back.
enum PEM {
    static func certificate(_ text: String) throws(CredentialError) -> Certificate {
        do {
            return try Certificate(pemEncoded: text)
        } catch {
            throw .notPEM(path: "the certificate", expected: "a certificate")
        }
    }

    static func privateKey(_ text: String) throws(CredentialError) -> Certificate.PrivateKey {
        do {
            return try Certificate.PrivateKey(pemEncoded: text)
        } catch {
            throw .notPEM(path: "the private key", expected: "a private key")
        }
    }

    static func encode(_ certificate: Certificate) throws(CredentialError) -> String {
        do {
            return try certificate.serializeAsPEM().pemString + "\n"
        } catch {
            throw .cannotSign("\(error)")
        }
    }

    static func encode(_ key: Certificate.PrivateKey) throws(CredentialError) -> String {
        do {
            return try key.serializeAsPEM().pemString + "\n"
        } catch {
            throw .cannotSign("\(error)")
        }
    }
}
