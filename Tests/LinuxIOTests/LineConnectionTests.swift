import Glibc
import LinuxIO
import Testing

/// A path no other test uses, short enough for a Unix socket.
func temporaryPath(_ name: String) -> String {
    "/tmp/mrp-\(getpid())-\(UInt32.random(in: 0...UInt32.max))-\(name)"
}

struct LineBufferTests {
    @Test(arguments: [
        (["one\ntwo\n"], ["one", "two"]),
        (["on", "e\nt", "wo\n"], ["one", "two"]),
        (["\n\n"], ["", ""]),
        (["unfinished"], []),
        (["12345678\n"], ["12345678"]),
    ])
    func `bytes become lines wherever they are cut`(_ pieces: [String], _ expected: [String]) throws {
        var buffer = LineBuffer(lengthLimit: 8)
        var lines: [String] = []
        for piece in pieces {
            buffer.append(piece.utf8)
            do { while let line = try buffer.nextLine() { lines.append(String(decoding: line, as: UTF8.self)) } } catch
            {
                #expect(error == .lineTooLong(limit: 8))
                #expect(pieces == ["unfinished"])
            }
        }
        #expect(lines == expected)
    }

    @Test(arguments: ["123456789\n", "123456789"])
    func `one byte too many is refused, finished or not`(_ text: String) {
        var buffer = LineBuffer(lengthLimit: 8)
        buffer.append(text.utf8)
        #expect(throws: LineError.lineTooLong(limit: 8)) { try buffer.nextLine() }
    }

    @Test func `an output queue takes a whole line or nothing`() throws {
        var queue = OutputQueue(limit: 10)
        try queue.append(Array("12345678".utf8))
        #expect(throws: LineError.outputQueueFull(limit: 10)) { try queue.append([1, 2, 3]) }
        #expect(queue.count == 8)
        try queue.append([1, 2])
        #expect(queue.count == 10)
    }
}

/// A loop with a listener whose first connection is served by `handler`, and a client's end.
struct Pair: ~Copyable {
    let loop: EventLoop
    let listener: UnixListener
    let client: FileDescriptor
    let server: LineConnection

    init(
        limits: LineConnection.Limits = .init(), handler: @escaping (LineConnection, LineConnection.Event) -> Void
    ) throws {
        let path = temporaryPath("lines")
        let loop = try EventLoop()
        let listener = try UnixListener(path: path)
        let client = try UnixSocket.connect(to: path)
        guard let accepted = try listener.accept() else { throw SystemError(call: "accept", errno: EAGAIN) }
        server = try LineConnection(accepted, on: loop, limits: limits, handler: handler)
        self.loop = loop
        self.listener = listener
        self.client = client
    }
}

struct LineConnectionTests {
    @Test func `lines are answered in order and the end of the other side closes`() throws {
        var lines: [String] = []
        var reasons: [LineConnection.CloseReason] = []
        var stop: () -> Void = {}
        let pair = try Pair { connection, event in
            switch event {
            case .line(let line):
                lines.append(String(decoding: line, as: UTF8.self))
                try? connection.send(line)
            case .closed(let reason):
                reasons.append(reason)
                stop()
            }
        }
        let loop = pair.loop
        stop = { loop.stop() }
        _ = try pair.client.write(Array("first\nsecond\n".utf8)[...])
        pair.client.shutdownWriting()
        try loop.run()
        #expect(lines == ["first", "second"])
        #expect(reasons == [.byPeer])
        #expect(try pair.client.read(upTo: 100) == Array("first\nsecond\n".utf8))
    }

    @Test func `a line that is too long closes the connection with that reason`() throws {
        var reasons: [LineConnection.CloseReason] = []
        var stop: () -> Void = {}
        let pair = try Pair(limits: .init(lineLength: 4)) { _, event in
            if case .closed(let reason) = event {
                reasons.append(reason)
                stop()
            }
        }
        let loop = pair.loop
        stop = { loop.stop() }
        _ = try pair.client.write(Array("12345".utf8)[...])
        try loop.run()
        #expect(reasons == [.lineTooLong(limit: 4)])
        let isOpen = pair.server.isOpen
        #expect(!isOpen)
    }

    @Test func `output waits for a slow reader up to its limit, and a finished connection writes it all`() throws {
        var stop: () -> Void = {}
        let pair = try Pair(limits: .init(queuedOutput: 1 << 20)) { _, event in
            if case .closed(let reason) = event {
                #expect(reason == .byUs)
                stop()
            }
        }
        let loop = pair.loop
        stop = { loop.stop() }
        let (server, line) = (pair.server, [UInt8](repeating: 0x61, count: 65_535))
        var sent = 0
        #expect(throws: LineError.outputQueueFull(limit: 1 << 20)) {
            while true {
                try server.send(line)
                sent += 1
            }
        }
        #expect(sent >= 16)
        server.finish()
        #expect(throws: LineError.closed) { try server.send(line) }
        var received = 0
        let client = try pair.client.duplicate()
        try loop.add(client, .readable) { _ in
            guard let bytes = try? pair.client.read(upTo: 1 << 20) else { return }
            received += bytes.count
        }
        try loop.run()
        while true {
            let bytes = try pair.client.read(upTo: 1 << 20)
            if bytes.isEmpty { break }
            received += bytes.count
        }
        #expect(received == sent * 65_536)
    }
}

struct UnixListenerTests {
    @Test func `the socket's path is for its owner alone and goes with the listener`() throws {
        let path = temporaryPath("mode")
        var status = stat()
        do {
            let listener = try UnixListener(path: path)
            #expect(stat(path, &status) == 0)
            #expect(status.st_mode & 0o777 == 0o600)
            #expect(try listener.accept() == nil)
        }
        #expect(stat(path, &status) == -1)
    }

    @Test func `a path somebody listens on is left alone, a dead one is replaced`() throws {
        let path = temporaryPath("stale")
        do {
            let first = try UnixListener(path: path)
            #expect(throws: SystemError(call: "bind", errno: EADDRINUSE)) { _ = try UnixListener(path: path) }
            _ = try UnixSocket.connect(to: path)
            rename(path, path + ".kept")
            _ = first.descriptor.number
        }
        rename(path + ".kept", path)
        let second = try UnixListener(path: path)
        let client = try UnixSocket.connect(to: path)
        let credentials = try client.peerCredentials()
        #expect(credentials.process == getpid())
        _ = second.descriptor.number
    }

    @Test func `a path too long for the kernel is refused`() {
        #expect(throws: SystemError(call: "bind", errno: ENAMETOOLONG)) {
            _ = try UnixListener(path: "/tmp/" + String(repeating: "x", count: 200))
        }
    }
}
