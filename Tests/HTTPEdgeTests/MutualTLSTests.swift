import Clockwork
import ControlProtocol
import Credentials
import HTTPEdge
import Hummingbird
import Testing

private struct Greeting: Codable, Equatable, Sendable {
    var peer: String
}

@Suite struct `Mutual TLS between nodes` {
    private func ask(
        server: NodeCredentials, client: NodeCredentials?, path: String = "/v1/proxies/north"
    ) async throws -> Result<Greeting, EdgeClientError> {
        try await serving(credentials: server, limits: .nodes) { router in
            router.get("/v1/proxies/:name") { _, context in
                try context.requirePeer(.liveProxy, named: context.parameters.require("name"))
                return try Response.json(Greeting(peer: context.peer?.uri ?? "nobody"))
            }
        } _: { base in
            let edge = try EdgeClient(base: base, credentials: client)
            let result: Result<Greeting, EdgeClientError>
            do throws(EdgeClientError) {
                result = .success(try await edge.get(path, as: Greeting.self))
            } catch {
                result = .failure(error)
            }
            await edge.shutdown()
            return result
        }
    }

    @Test func `a handler knows the node that its certificate names`() async throws {
        let ours = try TestAuthority()
        let answer = try await ask(
            server: ours.credentials(.ottServer, "one"), client: ours.credentials(.liveProxy, "north"))
        #expect(answer == .success(Greeting(peer: "mrp://live-proxy/north")))
    }

    @Test(arguments: [(NodeRole.liveProxy, "south"), (.replicationPoint, "north"), (.ottServer, "north")])
    func `a node may not act under another's name or role`(role: NodeRole, name: String) async throws {
        let ours = try TestAuthority()
        let answer = try await ask(
            server: ours.credentials(.ottServer, "one"), client: ours.credentials(role, name))
        guard case .failure(.refused(let problem)) = answer else {
            Issue.record("\(role.rawValue) \(name) was answered \(answer)")
            return
        }
        #expect(problem.code == "wrong-identity")
        #expect(problem.status == 403)
    }

    @Test func `a client that another authority certified is refused`() async throws {
        let ours = try TestAuthority()
        let foreign = try TestAuthority()
        let answer = try await ask(
            server: ours.credentials(.ottServer, "one"),
            client: foreign.credentials(.liveProxy, "north", trusting: ours))
        #expect(isRefusedByTLS(answer))
    }

    @Test func `a client without a certificate is refused`() async throws {
        let ours = try TestAuthority()
        let answer = try await ask(server: ours.credentials(.ottServer, "one"), client: nil)
        #expect(isRefusedByTLS(answer))
    }

    @Test func `a client whose certificate has expired is refused`() async throws {
        let ours = try TestAuthority()
        let lastYear = wallNow() + .seconds(-250)
        let answer = try await ask(
            server: ours.credentials(.ottServer, "one"),
            client: ours.credentials(.liveProxy, "north", issuedAt: lastYear, lifetime: .seconds(10)))
        #expect(isRefusedByTLS(answer))
    }

    @Test func `a server that another authority certified is not trusted`() async throws {
        let ours = try TestAuthority()
        let foreign = try TestAuthority()
        let answer = try await ask(
            server: foreign.credentials(.ottServer, "one", trusting: ours),
            client: ours.credentials(.liveProxy, "north"))
        #expect(isRefusedByTLS(answer))
    }

    @Test func `a server certified for another address is not trusted`() async throws {
        let ours = try TestAuthority()
        let answer = try await ask(
            server: ours.credentials(.ottServer, "one", names: ["10.9.9.9"]),
            client: ours.credentials(.liveProxy, "north"))
        #expect(isRefusedByTLS(answer))
    }

    /// TLS 1.3 tells a client of its refusal after its own handshake, so it may look like a broken connection.
    private func isRefusedByTLS(_ answer: Result<Greeting, EdgeClientError>) -> Bool {
        switch answer {
        case .failure(.notTrusted), .failure(.unreachable): true
        default: false
        }
    }
}
