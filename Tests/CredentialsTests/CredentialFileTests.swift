import Credentials
import FoundationEssentials
import Testing

@Suite struct `A file of credentials` {
    private let folder: String

    init() throws {
        folder = FileManager.default.temporaryDirectory.path + "mrp-credentials-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    private func mode(_ path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return try #require(attributes[.posixPermissions] as? Int)
    }

    @Test func `can be read by its owner alone when it is a private key`() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try CredentialFile.write("secret", to: "\(folder)/key", as: .privateKey, replacing: false)
        try CredentialFile.write("public", to: "\(folder)/pem", as: .shared, replacing: false)
        #expect(try mode("\(folder)/key") == 0o600)
        #expect(try mode("\(folder)/pem") == 0o644)
        #expect(try CredentialFile.read("\(folder)/key", as: .privateKey) == "secret")
        #expect(throws: CredentialError.readableByOthers(path: "\(folder)/pem")) {
            try CredentialFile.read("\(folder)/pem", as: .privateKey)
        }
    }

    @Test func `is replaced only when that is asked for, and leaves nothing else behind`() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = "\(folder)/key"
        try CredentialFile.write("first", to: path, as: .privateKey, replacing: false)
        #expect(throws: CredentialError.exists(path: path)) {
            try CredentialFile.write("second", to: path, as: .privateKey, replacing: false)
        }
        #expect(try CredentialFile.read(path, as: .privateKey) == "first")
        try CredentialFile.write("third", to: path, as: .privateKey, replacing: true)
        #expect(try CredentialFile.read(path, as: .privateKey) == "third")
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["key"])
    }

    @Test func `that is missing or too large is refused by name`() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        #expect(throws: CredentialError.self) { try CredentialFile.read("\(folder)/none", as: .shared) }
        let large = String(repeating: "x", count: CredentialFile.maximumBytes + 1)
        try CredentialFile.write(large, to: "\(folder)/large", as: .shared, replacing: false)
        #expect(throws: CredentialError.self) { try CredentialFile.read("\(folder)/large", as: .shared) }
        #expect(throws: CredentialError.self) {
            try CredentialFile.write("x", to: "\(folder)/no/such/folder", as: .shared, replacing: false)
        }
    }
}
