import Clockwork
import Credentials
import Glibc
import LinuxIO
import Testing

/// A folder of this test's own, short enough for socket paths.
func temporaryFolder() throws -> String {
    var template = Array("/tmp/mrp-test-XXXXXX".utf8CString)
    let made = template.withUnsafeMutableBufferPointer { $0.baseAddress.flatMap { mkdtemp($0) } }
    return String(cString: try #require(made))
}

func writeFile(_ text: String, to path: String) throws {
    let file = try #require(fopen(path, "w"))
    defer { fclose(file) }
    #expect(fputs(text, file) >= 0)
}

/// A port of 127.0.0.1 nobody uses at the moment.
func freePort() throws -> UInt16 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
        }
    }
    try #require(isBound)
    return UInt16(bigEndian: address.sin_port)
}

/// An authority and the certificates it gave out, as files.
struct TestCredentials {
    let folder: String
    private let authority: CertificateAuthority

    init(in folder: String) throws {
        self.folder = folder
        authority = try CertificateAuthority(name: "test", now: WallClock.now())
        try CredentialFile.write(
            authority.certificatePEM, to: "\(folder)/authority.pem", as: .shared, replacing: false)
    }

    /// The `tls` value of a node's configuration.
    func tls(_ role: NodeRole, _ name: String) throws -> String {
        let identity = try #require(NodeIdentity(role: role, name: name))
        let issued = try authority.issue(identity, names: ["127.0.0.1"], now: WallClock.now())
        let base = "\(folder)/\(role.rawValue)-\(name)"
        try CredentialFile.write(issued.certificate, to: "\(base).pem", as: .shared, replacing: false)
        try CredentialFile.write(issued.privateKey, to: "\(base).key", as: .privateKey, replacing: false)
        return "{certificate: \(base).pem, key: \(base).key, authority: \(folder)/authority.pem}"
    }
}
