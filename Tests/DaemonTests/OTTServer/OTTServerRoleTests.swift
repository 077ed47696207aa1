import ControlProtocol
import Credentials
import HTTPEdge
import JSONCoding
import Testing
import Wire

@Suite(.timeLimit(.minutes(2))) struct `The OTT server role` {
    /// Runs `work` with a proxy that follows the server.
    private func withProxy(
        _ server: RunningServer, resuming: FakeProxy? = nil,
        _ work: @escaping @Sendable (FakeProxy) async throws -> Void
    ) async throws {
        let client = try server.node(.liveProxy, "north")
        let proxy = try FakeProxy(client, resuming: resuming)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await proxy.run() }
            defer { group.cancelAll() }
            try await work(proxy)
        }
        await client.shutdown()
    }

    private func firstMessage(_ proxy: FakeProxy) async -> FeedMessage<ServerFeedItem>? {
        for await message in proxy.messages { return message }
        return nil
    }

    private func join(_ server: RunningServer, as subscriber: String) async throws -> JoinAnswer {
        let token = try await server.folder.token(for: subscriber)
        return try await server.clients.post("/v1/channels/acme/one/join", as: JoinAnswer.self, bearer: token)
    }

    private func refusal(_ server: RunningServer, as subscriber: String) async throws -> Problem? {
        do throws(EdgeClientError) {
            let token = try? await server.folder.token(for: subscriber)
            _ = try await server.clients.post("/v1/channels/acme/one/join", as: JoinAnswer.self, bearer: token)
            return nil
        } catch {
            guard case .refused(let problem) = error else { return nil }
            return problem
        }
    }

    @Test func `joins an entitled viewer through its proxy, and twenty at once by one allocation`() async throws {
        try await RunningServer.run(on: ServerFolder()) { server in
            for viewer in 1...20 { try await server.enrol("viewer\(viewer)") }
            try await withProxy(server) { proxy in
                _ = await firstMessage(proxy)
                try await withThrowingTaskGroup(of: JoinAnswer.self) { group in
                    for viewer in 1...20 { group.addTask { try await join(server, as: "viewer\(viewer)") } }
                    for try await answer in group {
                        #expect(answer.resource == FakeProxy.resource(of: answer.resource.channel))
                        #expect(answer.mediaDescription.renditions.map(\.name) == ["high"])
                    }
                }
                let allocations = proxy.items.compactMap { item -> UInt64? in
                    if case .allocation(let indication) = item { indication.serial } else { nil }
                }
                #expect(allocations == [1])
                #expect(proxy.items.count == 21)
            }
        }
    }

    @Test func `refuses with a reason whoever may not`() async throws {
        try await RunningServer.run(on: ServerFolder()) { server in
            try await server.enrol("alice", scope: "other/*")
            #expect(try await refusal(server, as: "alice")?.code == "not-entitled")
            #expect(try await refusal(server, as: "nobody")?.code == "not-entitled")
            try await server.enrol("alice")
            #expect(try await refusal(server, as: "alice")?.code == "no-proxy-for-address")
            let bare = try await server.clients.exchange("POST", "/v1/channels/acme/one/join")
            #expect(bare.status == 401)
            #expect(bare.body.contains("token-missing"))
            let forged = try await server.clients.exchange(
                "POST", "/v1/channels/acme/one/join", bearer: "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.")
            #expect(forged.status == 401)
            #expect(forged.body.contains("token-wrong-algorithm"))
            let stranger = try await ServerFolder().token(for: "alice")
            let foreign = try await server.clients.exchange("POST", "/v1/channels/acme/one/join", bearer: stranger)
            #expect(foreign.body.contains("token-bad-signature"))
            guard case .document(let json) = try await server.control(.show(topic: "counters")) else {
                Issue.record("no counters")
                return
            }
            let counters = try JSONText.decode(RoleCountersDocument.self, from: json).counters
            let counted = Dictionary(counters.map { ($0.name, $0.count) }, uniquingKeysWith: { first, _ in first })
            #expect(counted["token-refused-bad-signature"] == 1)
            #expect(counted["token-refused-wrong-algorithm"] == 1)
            #expect(counted["join-refused-not-entitled"] == 2)
        }
    }

    @Test func `entitles nobody to a channel that is not in the catalogue`() async throws {
        try await RunningServer.run(on: ServerFolder()) { server in
            try await server.enrol("alice")
            for (text, code) in [("acme/oen", "unknown-channel"), ("acme/one", nil), ("later/*", nil)] {
                let scope = try #require(ChannelScope(text: text))
                let reply = try await server.command(
                    .entitle, EntitlementArguments(subscriber: "alice", scope: scope))
                if case .problem(let problem) = reply {
                    #expect(problem.code == code, "\(text)")
                } else {
                    #expect(code == nil, "\(text): \(reply)")
                }
            }
        }
    }

    @Test func `takes an authorization back when the entitlement is revoked`() async throws {
        try await RunningServer.run(on: ServerFolder()) { server in
            try await server.enrol("alice")
            try await withProxy(server) { proxy in
                _ = await firstMessage(proxy)
                _ = try await join(server, as: "alice")
                let scope = try #require(ChannelScope(text: "acme/*"))
                let reply = try await server.command(
                    .revoke, EntitlementArguments(subscriber: "alice", scope: scope))
                guard case .document = reply else {
                    Issue.record("revoke was answered \(reply)")
                    return
                }
                for await message in proxy.messages {
                    guard case .change(_, _, let removals) = message, !removals.isEmpty else { continue }
                    #expect(removals == ["channel-join/acme/one/alice"])
                    return
                }
            }
        }
    }

    @Test func `remembers across a restart, and sends a proxy that missed nothing no item again`() async throws {
        let folder = try ServerFolder()
        let before = AsyncStream.makeStream(of: FakeProxy.self)
        try await RunningServer.run(on: folder) { server in
            try await server.enrol("alice")
            try await withProxy(server) { proxy in
                _ = await firstMessage(proxy)
                _ = try await join(server, as: "alice")
                before.continuation.yield(proxy)
            }
        }
        var proxies = before.stream.makeAsyncIterator()
        let old = try #require(await proxies.next())
        try await RunningServer.run(on: folder) { server in
            try await withProxy(server, resuming: old) { proxy in
                guard case .keepAlive = await firstMessage(proxy) else {
                    Issue.record("the proxy was sent items again")
                    return
                }
                #expect(proxy.items == old.items)
                _ = try await join(server, as: "alice")
            }
        }
    }

    @Test func `lets no node act under another's name`() async throws {
        try await RunningServer.run(on: ServerFolder()) { server in
            let registration = ProxyRegistration(name: "north", prefixes: [], address: try #require(.init("10.0.0.1")))
            for (role, name) in [(NodeRole.liveProxy, "south"), (.replicationPoint, "north")] {
                let client = try server.node(role, name)
                await #expect(throws: EdgeClientError.self) { try await client.put("/v1/proxies/north", registration) }
                let answer = try await client.exchange("GET", "/v1/proxies/north/feed")
                #expect(answer.status == 403)
                await client.shutdown()
            }
        }
    }

    @Test func `explains why a subscriber sees nothing`() async throws {
        try await RunningServer.run(on: ServerFolder()) { server in
            let channel = try #require(ChannelKey(text: "acme/one"))
            @Sendable func failing(_ subscriber: String) async throws -> String? {
                let reply = try await server.control(.explain(subscriber: subscriber, channel: channel))
                guard case .document(let json) = reply else { return nil }
                let steps = try JSONText.decode(RoleExplanation.self, from: json).steps
                return steps.first { $0.state != .ok }?.reason
            }
            #expect(try await failing("alice") == "unknown-subscriber")
            try await server.enrol("alice", scope: "other/*")
            #expect(try await failing("alice") == "not-entitled")
            try await server.enrol("alice")
            #expect(try await failing("alice") == "not-asked")
            try await withProxy(server) { proxy in
                _ = await firstMessage(proxy)
                _ = try await join(server, as: "alice")
                #expect(try await failing("alice") == nil)
            }
        }
    }
}
