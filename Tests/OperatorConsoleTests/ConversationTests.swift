import Clockwork
import ControlProtocol
import JSONCoding
import OperatorConsole
import Testing
import Wire

@Suite struct ConversationTests {
    private let channel = ChannelKey(text: "acme/sport")

    @Test func `each program that knows a topic answers with one line of JSON, in the order of the elements`() throws {
        let feeds = try JSONText.encode(FeedsDocument(role: .liveProxy, feeds: []))
        let proxy = try FakeElement(.liveProxy, node: "p", topics: ["feeds"]) { _ in .document(json: feeds) }
        let server = try FakeElement(.ottServer, node: "s", topics: ["feeds"]) { _ in .document(json: feeds) }
        let point = try FakeElement(.replicationPoint, node: "r", topics: ["channels"])
        let directory = try ControlDirectory(paths: [proxy.path, server.path, point.path])
        let shown = try ShowTopic.feeds.documents(in: directory)
        #expect(shown.map(\.element.node) == ["s", "p"])
        #expect(shown.map(\.json) == [feeds, feeds])
        #expect(try shown[0].lines(on: .plain, now: UnixTime(milliseconds: 0)) == ["no feeds"])
    }

    @Test func `a topic nobody knows here says who would`() throws {
        let point = try FakeElement(.replicationPoint, topics: ["channels"])
        let directory = try ControlDirectory(paths: [point.path])
        let error = #expect(throws: ConsoleError.self) { try ShowTopic.groups.documents(in: directory) }
        #expect(error?.exit == .notReachable)
        #expect(error?.hint?.contains("router") == true)
    }

    @Test func `a named socket that nobody serves is not reachable`() {
        let error = #expect(throws: ConsoleError.self) { try ControlDirectory(paths: ["/tmp/mrp-none.sock"]) }
        #expect(error?.exit == .notReachable)
    }

    @Test(arguments: [(403, ExitCode.denied), (401, .denied), (404, .notFound), (409, .failed)])
    func `a refusal becomes an exit code`(_ status: Int, _ exit: ExitCode) throws {
        let server = try FakeElement(.ottServer, commands: ["entitle"]) { _ in
            .problem(Problem(code: "some-code", status: status, title: "No.", detail: "Do this."))
        }
        let directory = try ControlDirectory(paths: [server.path])
        let error = #expect(throws: ConsoleError.self) {
            try RoleCommandCall(.entitle, arguments: "{}").perform(in: directory)
        }
        #expect(error == ConsoleError(exit, "No. [some-code]", hint: "Do this."))
    }

    @Test func `a command that two programs perform wants one of them named`() throws {
        let servers = try (1...2).map { _ in try FakeElement(.ottServer, commands: ["entitle"]) }
        let directory = try ControlDirectory(paths: servers.map(\.path))
        let error = #expect(throws: ConsoleError.self) {
            try RoleCommandCall(.entitle, arguments: "{}").perform(in: directory)
        }
        #expect(error?.exit == .usage)
    }

    @Test func `arguments reach the role as its own type`() throws {
        let channel = try #require(channel)
        let wanted = EntitlementArguments(subscriber: "alice", scope: .channel(channel))
        let server = try FakeElement(.ottServer, commands: ["entitle"]) { body in
            guard case .command("entitle", let arguments) = body,
                try JSONText.decode(EntitlementArguments.self, from: arguments) == wanted
            else { return .problem(Problem(code: "wrong", status: 400, title: "\(body)", detail: "")) }
            return .done
        }
        let directory = try ControlDirectory(paths: [server.path])
        #expect(try RoleCommandCall(.entitle, arguments: JSONText.encode(wanted)).perform(in: directory) == "{}")
    }

    @Test func `what cannot be seen from here is a question mark, not a failure`() throws {
        let channel = try #require(channel)
        let explanation = RoleExplanation(
            role: .ottServer, steps: [ExplainStep("entitlement", .ok, "alice may watch acme/sport")])
        let json = try JSONText.encode(explanation)
        let server = try FakeElement(.ottServer, node: "s") { _ in .document(json: json) }
        let gathered = try Explanation.gather(
            subscriber: "alice", target: .channel(channel), in: ControlDirectory(paths: [server.path]))
        #expect(gathered.parts.map(\.element) == Element.allCases)
        #expect(gathered.parts.flatMap(\.steps).map(\.state) == [.ok, .unknown, .unknown, .unknown])
        #expect(gathered.firstFailure == nil)
        #expect(!gathered.isComplete)
    }

    @Test func `another replication point's silence about a subscriber is no failure of hers`() throws {
        let channel = try #require(channel)
        let (good, bad) = (
            RoleExplanation(role: .replicationPoint, steps: [ExplainStep("authorized", .ok, "alice may join")]),
            RoleExplanation(role: .replicationPoint, steps: [ExplainStep("authorized", .failed, "not authorized here")])
        )
        let (goodJSON, badJSON) = (try JSONText.encode(good), try JSONText.encode(bad))
        let first = try FakeElement(.replicationPoint, node: "a") { _ in .document(json: badJSON) }
        let second = try FakeElement(.replicationPoint, node: "b") { _ in .document(json: goodJSON) }
        let gathered = try Explanation.gather(
            subscriber: "alice", target: .channel(channel),
            in: ControlDirectory(paths: [first.path, second.path]))
        #expect(gathered.firstFailure == nil)
        #expect(gathered.parts.filter { $0.element == .replicationPoint }.map(\.node) == ["b"])
        #expect(gathered.others.map(\.node) == ["a"])
    }

    @Test func `an error of several lines stays on several lines`() {
        #expect(
            ConsoleError(.configurationInvalid, "f:1:1: one\nf:2:1: two").lines == ["mrpctl: f:1:1: one", "f:2:1: two"])
    }

    @Test func `the router is asked about the trees that a role names, and the one that got furthest counts`() throws {
        let channel = try #require(channel)
        let trees = [1, 2].map {
            SourceGroup(source: .v4(IPv4Address(10, 0, 0, 1)), group: .v4(IPv4Address(232, 0, 0, $0)))
        }
        let role = try JSONText.encode(RoleExplanation(role: .replicationPoint, steps: [], trees: trees))
        let point = try FakeElement(.replicationPoint) { _ in .document(json: role) }
        let router = try FakeElement(.router, node: "rp-1") { _ in .done }
        _ = router
        let directory = try ControlDirectory(paths: [point.path])
        let gathered = try Explanation.gather(subscriber: "alice", target: .channel(channel), in: directory)
        #expect(gathered.parts.last?.steps.first?.detail == "no router runs on this host")
    }
}
