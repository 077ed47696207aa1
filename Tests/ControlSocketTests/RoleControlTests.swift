import Clockwork
import ControlProtocol
import ControlSocket
import Glibc
import JSONCoding
import LinuxIO
import Testing

private typealias Client = ControlClient<RoleRequest, RoleReply>

@Suite struct RoleControlTests {
    private let path = SocketPath.unique()

    private func echo(limits: ControlLimits = .standard) throws -> RoleControlService {
        try RoleControlService(path: path, group: nil, limits: limits) { body, responder in
            switch body {
            case .show(let topic): responder.answer(.document(json: "\"\(topic)\""))
            case .command(let name, _): responder.answer(.document(json: String(repeating: name, count: 1 << 20)))
            default: responder.answer(.done)
            }
        }
    }

    @Test func `a request is answered under its own number`() throws {
        let service = try echo()
        defer { service.stop() }
        var client = try Client(path: path)
        let reply = try client.request(RoleRequest(id: 7, body: .show(topic: "channels")), timeout: .seconds(5))
        #expect(reply == RoleReply(id: 7, body: .document(json: "\"channels\"")))
    }

    @Test func `a line that is no request is answered with a problem and the connection stays`() throws {
        let service = try echo()
        defer { service.stop() }
        var client = try ControlClient<Nonsense, RoleReply>(path: path)
        let reply = try client.request(Nonsense(id: 3, flavour: "plum"), timeout: .seconds(5))
        guard case .problem(let problem) = reply.body else { return #expect(Bool(false), "\(reply)") }
        #expect(reply.id == 3)
        #expect(problem.code == "malformed-request")
        _ = try client.request(Nonsense(id: 4, flavour: "fig"), timeout: .seconds(5))
    }

    @Test func `an answer larger than what a slow reader may owe still arrives when it comes alone`() throws {
        var limits = ControlLimits()
        limits.queuedBytes = 1 << 16
        let service = try echo(limits: limits)
        defer { service.stop() }
        var client = try Client(path: path)
        let reply = try client.request(
            RoleRequest(id: 1, body: .command(name: "abc", arguments: "{}")), timeout: .seconds(20))
        guard case .document(let json) = reply.body else { return #expect(Bool(false)) }
        #expect(json.utf8.count == 3 << 20)
    }

    @Test func `a line beyond the limit costs the connection`() throws {
        var limits = ControlLimits()
        limits.lineBytes = 100
        let service = try echo(limits: limits)
        defer { service.stop() }
        var client = try Client(path: path)
        let long = RoleRequest(id: 1, body: .show(topic: String(repeating: "x", count: 200)))
        #expect(throws: ControlSocketError.closed) { try client.request(long, timeout: .seconds(5)) }
    }

    @Test func `a connection too many is told so, and frees nobody's place`() throws {
        var limits = ControlLimits.standard
        limits.clients = 8
        let service = try echo(limits: limits)
        defer { service.stop() }
        var held: [SharedDescriptor] = []
        var refused = 0
        for _ in 0..<1_000 {
            guard let connection = try? UnixSocket.connect(to: path) else {
                // The kernel's queue is full: the service empties it.
                usleep(1_000)
                continue
            }
            held.append(SharedDescriptor(connection))
        }
        for connection in held.indices {
            var poller = pollfd(fd: held[connection].descriptor.number, events: Int16(POLLIN), revents: 0)
            guard poll(&poller, 1, connection < limits.clients ? 0 : 2_000) == 1 else { continue }
            let line = try held[connection].descriptor.read(upTo: 4_096).prefix { $0 != 0x0A }
            let reply = try LineCoding.decode(RoleReply.self, from: Array(line))
            guard case .problem(let problem) = reply.body else { return #expect(Bool(false), "\(reply)") }
            #expect(problem.code == "too-many-connections")
            refused += 1
        }
        #expect(held.count > 100)
        #expect(refused == held.count - limits.clients)
        held = []
        var served = false
        for _ in 0..<100 where !served {
            if var client = try? Client(path: path) {
                let reply = try? client.request(RoleRequest(id: 7, body: .describe), timeout: .seconds(5))
                served = reply?.body == .done
            }
            if !served { usleep(20_000) }
        }
        #expect(served)
    }

    @Test(arguments: [
        "", "{", "}", "null", "[]", "\"\"", "0", "{\"id\":-1}", "{\"id\":1}", "{\"id\":1,\"body\":null}",
        "{\"id\":1e400,\"body\":{}}", "{\"id\":99999999999999999999,\"body\":{\"describe\":{}}}",
        "{\"id\":1,\"body\":{\"show\":{\"topic\":7}}}", "\u{0}", "\u{FEFF}{}", "{\"id\":1,\"id\":2}",
        String(repeating: "[", count: 100_000), String(repeating: "{\"a\":", count: 50_000),
        "\"" + String(repeating: "\\u0000", count: 10_000) + "\"",
    ])
    func `garbage is refused and the connection goes on`(line: String) throws {
        let service = try echo()
        defer { service.stop() }
        let connection = try UnixSocket.connect(to: path)
        var bytes = Array((line + "\n{\"id\":5,\"body\":{\"describe\":{}}}\n").utf8)[...]
        while !bytes.isEmpty {
            do throws(SystemError) {
                bytes = bytes.dropFirst(try connection.send(stream: bytes))
            } catch {
                try #require(error.isWouldBlock, "\(error)")
                usleep(1_000)
            }
        }
        var answers: [UInt8] = []
        let expected = line.isEmpty ? 1 : 2
        while answers.count(where: { $0 == 0x0A }) < expected {
            var poller = pollfd(fd: connection.number, events: Int16(POLLIN), revents: 0)
            try #require(poll(&poller, 1, 10_000) == 1)
            let received = try connection.read(upTo: 65_536)
            try #require(!received.isEmpty, "the connection was closed")
            answers += received
        }
        let replies = try answers.split(separator: 0x0A).map { try LineCoding.decode(RoleReply.self, from: Array($0)) }
        #expect(replies.last == RoleReply(id: 5, body: .done))
        if expected == 2, case .problem(let problem) = replies[0].body {
            #expect(problem.code == "malformed-request")
        } else {
            #expect(expected == 1)
        }
    }

    @Test func `watchers hear their topics only`() throws {
        let service = try echo()
        defer { service.stop() }
        var watcher = try Client(path: path)
        try watcher.send(RoleRequest(id: 9, body: .watch(topics: ["channels"])), timeout: .seconds(5))
        // Answered after the watch was taken, since one connection is served in order.
        #expect(try watcher.request(RoleRequest(id: 10, body: .describe), timeout: .seconds(5)).body == .done)
        service.publish(topic: "sessions", json: "1")
        service.publish(topic: "channels", json: "2")
        #expect(try watcher.receive(timeout: .seconds(5)) == RoleReply(id: 9, body: .event(json: "2")))
    }

    @Test func `a watcher that does not read is disconnected`() throws {
        var limits = ControlLimits()
        limits.queuedBytes = 1 << 16
        let service = try echo(limits: limits)
        defer { service.stop() }
        var watcher = try Client(path: path)
        try watcher.send(RoleRequest(id: 1, body: .watch(topics: [])), timeout: .seconds(5))
        #expect(try watcher.request(RoleRequest(id: 2, body: .describe), timeout: .seconds(5)).body == .done)
        let event = "\"" + String(repeating: "e", count: 1 << 16) + "\""
        for _ in 0..<64 { service.publish(topic: "sessions", json: event) }
        #expect(throws: ControlSocketError.closed) {
            while true { _ = try watcher.receive(timeout: .seconds(10)) }
        }
    }

    @Test func `the socket is for its owner and group`() throws {
        let service = try echo()
        defer { service.stop() }
        var status = stat()
        #expect(stat(path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o660)
    }

    @Test func `a path that somebody answers on is not taken over`() throws {
        let service = try echo()
        defer { service.stop() }
        #expect(throws: ControlSocketError.inUse(path: path)) { try echo() }
        var client = try Client(path: path)
        #expect(try client.request(RoleRequest(id: 1, body: .describe), timeout: .seconds(5)).body == .done)
    }

    @Test func `a socket file left by a program that is gone is replaced`() throws {
        try SocketPath.leaveStale(path)
        let service = try echo()
        defer { service.stop() }
        var client = try Client(path: path)
        #expect(try client.request(RoleRequest(id: 1, body: .describe), timeout: .seconds(5)).body == .done)
    }

    @Test func `an unknown group is named in the refusal`() {
        #expect(throws: ControlSocketError.unknownGroup("no-such-group")) {
            try RoleControlService(path: path, group: "no-such-group") { _, _ in }
        }
    }

    @Test func `nobody listening is told apart from no answer`() throws {
        #expect { _ = try Client(path: path) } throws: { error in
            if case .notReachable? = error as? ControlSocketError { true } else { false }
        }
        let service = try RoleControlService(path: path, group: nil) { _, _ in }
        defer { service.stop() }
        var client = try Client(path: path)
        #expect(throws: ControlSocketError.timedOut) {
            try client.request(RoleRequest(id: 1, body: .describe), timeout: .milliseconds(50))
        }
    }
}

private struct Nonsense: Codable, Sendable {
    var id: UInt64
    var flavour: String
}
