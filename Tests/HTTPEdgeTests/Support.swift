import Clockwork
import Credentials
import FoundationEssentials
import HTTPEdge
import Hummingbird
import Logging
import Testing
import Wire

/// The wall clock, for certificates made in tests.
func wallNow() -> UnixTime {
    UnixTime(milliseconds: Int64(Date().timeIntervalSince1970 * 1_000))
}

/// A certificate authority and nodes it certified for 127.0.0.1.
struct TestAuthority {
    let authority: CertificateAuthority

    init() throws {
        authority = try CertificateAuthority(name: "test", now: wallNow())
    }

    func credentials(
        _ role: NodeRole, _ name: String, names: [String] = ["127.0.0.1"], issuedAt: UnixTime = wallNow(),
        lifetime: Duration = .seconds(3_600), trusting other: TestAuthority? = nil
    ) throws -> NodeCredentials {
        let identity = try #require(NodeIdentity(role: role, name: name))
        let certified = try authority.issue(identity, names: names, now: issuedAt, lifetime: lifetime)
        return try NodeCredentials(
            certificate: certified.certificate, privateKey: certified.privateKey,
            authority: (other ?? self).authority.certificatePEM)
    }
}

/// Serves `routes` on a free port of 127.0.0.1 while `work` runs.
func serving<Value: Sendable>(
    credentials: NodeCredentials? = nil, limits: EdgeLimits = .clients, routes: (Router<EdgeContext>) -> Void,
    _ work: @escaping @Sendable (_ base: String) async throws -> Value
) async throws -> Value {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let listener = EdgeListener(
        address: .v4(IPv4Address(127, 0, 0, 1)), port: 0, credentials: credentials, limits: limits, logger: logger,
        routes: routes)
    return try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await listener.run() }
        let scheme = credentials == nil ? "http" : "https"
        defer { group.cancelAll() }
        return try await work("\(scheme)://127.0.0.1:\(await listener.boundPort)")
    }
}

/// Asks again every 20 ms until `condition` holds; the test's own time limit ends it.
func eventually(_ condition: () async throws -> Bool) async throws {
    while try await !condition() { try await Task.sleep(for: .milliseconds(20)) }
}
