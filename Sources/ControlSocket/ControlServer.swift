import ControlProtocol
import Glibc
import LinuxIO

/// Serves requests on a Unix socket, one JSON object a line, to many clients at a time.
///
/// It belongs to its loop's thread. A line that is no request is answered by a `problem` and the connection stays; a
/// line that is too long, or a reader that is too slow, costs the connection and is counted.
package final class ControlServer<Request: Decodable & Sendable, Reply: ControlReply> {
    /// Names one connection, in the order of their arrival; never reused.
    package struct Client: Hashable, Sendable, Comparable {
        fileprivate let number: UInt64
        package static func < (left: Client, right: Client) -> Bool { left.number < right.number }
    }

    package enum Event {
        case request(Client, Request)
        case disconnected(Client)
    }

    private let loop: EventLoop
    private let limits: ControlLimits
    private var listener: UnixListener?
    private let handler: (Event) -> Void
    private var token: EventLoop.Token?
    private var clients: [Client: LineConnection] = [:]
    private var decoder: LineDecoder<Client, Request>?
    private var nextNumber: UInt64 = 0
    package private(set) var counters = ControlCounters()

    /// Listens at `path` with mode 0660, for the system group `group` where one is named. A socket file whose program
    /// is gone is replaced.
    package init(
        path: String, group: String? = nil, loop: EventLoop, limits: ControlLimits = .standard,
        handler: @escaping (Event) -> Void
    ) throws(ControlSocketError) {
        self.loop = loop
        self.limits = limits
        self.handler = handler
        decoder = LineDecoder(on: loop, limit: limits.clients, waitingBytes: limits.snapshotBytes) {
            [weak self] client, outcome in self?.receive(outcome, from: client)
        }
        do throws(SystemError) {
            let listener = try UnixListener(path: path, permissions: 0o660)
            token = try loop.add(listener.descriptor, .readable) { [weak self] _ in self?.acceptAll() }
            self.listener = consume listener
        } catch {
            throw ControlSocketError(binding: path, error)
        }
        if let group { try Self.give(path, to: group) }
    }

    private static func give(_ path: String, to group: String) throws(ControlSocketError) {
        guard let entry = getgrnam(group) else { throw .unknownGroup(group) }
        guard chown(path, uid_t.max, entry.pointee.gr_gid) == 0 else {
            throw .notAMember(group: group)
        }
    }

    /// Stops listening, removes the socket file and closes every connection.
    package func close() {
        if let token { loop.remove(token) }
        token = nil
        listener = nil
        for client in clients.keys.sorted() { clients[client]?.close() }
    }

    package var clientCount: Int { clients.count }

    /// - Parameter descriptor: passed with the line.
    package func send(_ reply: Reply, to client: Client, passing descriptor: SharedDescriptor? = nil) {
        do throws(ControlSocketError) {
            transmit(try LineCoding.encode(reply), to: client, passing: descriptor)
        } catch {
            counters.unencodable += 1
        }
    }

    /// Sends the same line to several clients, encoded once.
    package func send(_ reply: Reply, toAll receivers: [Client]) {
        guard !receivers.isEmpty, let line = try? LineCoding.encode(reply) else { return }
        for client in receivers { transmit(line, to: client) }
    }

    private func transmit(_ line: [UInt8], to client: Client, passing descriptor: SharedDescriptor? = nil) {
        guard let connection = clients[client] else { return }
        do throws(LineError) {
            try connection.send(line, passing: descriptor)
        } catch {
            switch error {
            case .outputQueueFull, .tooManyDescriptors: counters.slowClients += 1
            case .lineTooLong, .closed: break
            }
            connection.close()
        }
    }

    /// Lets `client` send snapshots from now on.
    package func allowSnapshots(from client: Client) {
        clients[client]?.lineLengthLimit = limits.snapshotBytes
    }

    package func disconnect(_ client: Client) {
        clients[client]?.close()
    }

    private func acceptAll() {
        do throws(SystemError) {
            while let descriptor = try listener?.accept() { try welcome(descriptor) }
        } catch {
            counters.failedAccepts += 1
        }
    }

    private func welcome(_ descriptor: consuming FileDescriptor) throws(SystemError) {
        guard clients.count < limits.clients else {
            counters.refusedClients += 1
            refuse(descriptor)
            return
        }
        let client = Client(number: nextNumber)
        nextNumber += 1
        clients[client] = try LineConnection(descriptor, on: loop, limits: limits.forServer) { [weak self] _, event in
            switch event {
            case .line(let line): self?.receive(line, from: client)
            case .closed(let reason): self?.ended(client, reason)
            }
        }
        counters.clients += 1
    }

    /// Says why, as far as the socket takes it at once.
    private func refuse(_ descriptor: consuming FileDescriptor) {
        let problem = Problem(
            code: "too-many-connections", status: 503,
            title: "There are \(limits.clients) connections to this control socket already.",
            detail: "End a mrpctl watch, or look for a program that opens connections and does not close them.")
        guard let line = try? LineCoding.encode(Reply(id: 0, problem: problem)) else { return }
        _ = try? descriptor.send(stream: (line + [0x0A])[...])
    }

    private func receive(_ line: [UInt8], from client: Client) {
        if line.isEmpty || decoder?.take(line, from: client) == true { return }
        counters.overlongLines += 1
        clients[client]?.close()
    }

    private func receive(_ outcome: LineDecoder<Client, Request>.Outcome, from client: Client) {
        // An earlier line of the same round may have cost the connection.
        guard clients[client] != nil else { return }
        switch outcome {
        case .message(let request):
            counters.requests += 1
            handler(.request(client, request))
        case .malformed(let identifier, let error):
            counters.malformed += 1
            let problem = Problem(
                code: "malformed-request", status: 400, title: "This is not a request.",
                detail: "\(error). Send one JSON object a line; mrpctl does.")
            send(Reply(id: identifier, problem: problem), to: client)
        }
    }

    private func ended(_ client: Client, _ reason: LineConnection.CloseReason) {
        clients[client] = nil
        decoder?.forget(client)
        if case .lineTooLong = reason { counters.overlongLines += 1 }
        handler(.disconnected(client))
    }
}

/// What a control socket has seen since its program started.
package struct ControlCounters: Codable, Hashable, Sendable {
    package var clients: UInt64 = 0
    package var requests: UInt64 = 0
    package var malformed: UInt64 = 0
    package var overlongLines: UInt64 = 0
    package var slowClients: UInt64 = 0
    package var refusedClients: UInt64 = 0
    package var failedAccepts: UInt64 = 0
    package var unencodable: UInt64 = 0

    package init() {}

    /// The counters by the names under which every element shows them.
    package var named: [NamedCount] {
        [
            ("control-connections", clients), ("control-requests", requests), ("control-malformed", malformed),
            ("control-overlong-lines", overlongLines), ("control-slow-clients", slowClients),
            ("control-refused-connections", refusedClients), ("control-failed-accepts", failedAccepts),
            ("control-unencodable", unencodable),
        ].map { NamedCount(name: $0.0, count: $0.1) }
    }
}
