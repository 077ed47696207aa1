import Clockwork
import Glibc
import LinuxIO
import MediaFixtures
import MediaIO
import Netlink
import RTP
import Synchronization
import Testing
import UnicastDelivery
import Wire

/// A media thread that receives at the far end of a veth pair, as from a router's delivery interface, and viewers by TCP.
final class UnicastStage {
    static let key = StreamKey(
        source: IPv4Address(10, 77, 0, 1), group: IPv4Address(232, 7, 7, 7), port: 5004)

    let street: MediaStreet
    let media: UnicastMedia
    private(set) var sent: [Broadcast.Datagram] = []
    private var broadcast = Broadcast(beginning: WallClock.now())
    private let socket: UDPSocket
    private let endings = Endings()

    init(_ change: (inout UnicastMedia.Configuration) -> Void = { _ in }) throws {
        var configuration = UnicastMedia.Configuration()
        configuration.ring.segment = .seconds(1)
        change(&configuration)
        street = try MediaStreet()
        let interface = street.viewerInterface
        try street.atViewer {
            let network = try NetworkConfiguration()
            try network.setUp(try #require(try network.link(named: "lo")).index)
        }
        let delivery = try street.atViewer {
            SharedDescriptor(try DeliverySocket.open(on: interface, receiveBuffer: 16 << 20))
        }
        media = try UnicastMedia(configuration) { _ in }
        media.attach(delivery)
        let output = street.output(port: Self.key.port)
        socket = try street.atProxy {
            let opened = try UDPSocket(.v4)
            try opened.setMulticastInterface(output.interface)
            try opened.setMulticastTTL(4)
            try opened.bind(to: SocketAddress(output.source, port: output.port))
            try opened.connect(to: SocketAddress(output.group, port: output.port))
            return opened
        }
        // The kernel may take a second before a new link carries anything.
        try wait(atMost: .seconds(5)) {
            _ = try? [UInt8](repeating: 0, count: 12).withUnsafeBytes { try socket.sendTrain($0, segmentSize: 12) }
            return (report()?.counters.unwantedDatagrams ?? 0) > 0
        }
    }

    deinit { media.stop() }

    // MARK: Media

    func next(frames: Int) -> [Broadcast.Datagram] { (0..<frames).flatMap { _ in broadcast.next() } }

    /// Sends at some hundred times the natural pace and waits until it has been received.
    func send(frames: Int) throws { try send(next(frames: frames)) }

    func send(_ datagrams: [Broadcast.Datagram]) throws {
        for (number, datagram) in datagrams.enumerated() {
            try datagram.bytes.withUnsafeBytes { try socket.sendTrain($0, segmentSize: $0.count) }
            if number % 100 == 99 { usleep(2000) }
        }
        sent += datagrams
        usleep(250_000)
    }

    // MARK: Viewers

    var ends: [ViewerEnd] { endings.list.withLock { $0 } }

    func viewer(
        session: UInt64 = 1, receiveBuffer: CInt = 0, isBurst: Bool = false, joins: Bool = true
    ) throws -> UnicastViewer {
        let viewer = try street.atViewer { try UnicastViewer(receiveBuffer: receiveBuffer) }
        viewer.session = session
        if joins { media.join(try connection(to: viewer, isBurst: isBurst)) }
        return viewer
    }

    func join(_ viewer: UnicastViewer, stream: StreamKey) throws {
        media.join(try connection(to: viewer, stream: stream))
    }

    func connection(
        to viewer: UnicastViewer, isBurst: Bool = false, stream: StreamKey = UnicastStage.key
    ) throws -> ViewerConnection {
        ViewerConnection(
            stream: stream, session: viewer.session, rendition: "720p", descriptor: try viewer.takeServed(),
            head: Array("HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\n\r\n".utf8), isBurst: isBurst
        ) { [endings] _, end in endings.list.withLock { $0.append(end) } }
    }

    func openStream() throws { _ = snapshot(waitingFor: .zero) }

    func snapshot(waitingFor limit: Duration = .seconds(2)) -> StreamSnapshot? {
        let media = media
        return waitFor { await media.snapshot(of: Self.key, waitingFor: limit) }
    }

    func report() -> UnicastReport? {
        let media = media
        return waitFor { await media.report() }
    }

    private func waitFor<Value: Sendable>(_ ask: @escaping @Sendable () async -> Value?) -> Value? {
        (try? answer { (fill: @escaping @Sendable (Value?) -> Void) in Task { fill(await ask()) } }) ?? nil
    }

    func wait(atMost limit: Duration, until holds: () -> Bool) throws {
        let end = MonotonicClock.now() + limit
        while !holds() {
            try #require(MonotonicClock.now() < end, "it did not happen in time")
            usleep(10_000)
        }
    }
}

private final class Endings: Sendable {
    let list = Mutex<[ViewerEnd]>([])
}

/// The far end of a TCP connection over loopback, read without waiting.
final class UnicastViewer {
    var session: UInt64 = 1
    /// The end that is handed to the media thread.
    private(set) var served: SharedDescriptor?
    private let socket: FileDescriptor
    private(set) var bytes: [UInt8] = []
    private(set) var hasEnded = false

    init(receiveBuffer: CInt) throws {
        let listener = try FileDescriptor.socket(family: AF_INET, type: CInt(SOCK_STREAM.rawValue))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let client = FileDescriptor(
            owning: Glibc.socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0))
        if receiveBuffer > 0 { try client.setOption(SOL_SOCKET, SO_RCVBUF, receiveBuffer) }
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                [
                    bind(listener.number, name, length), listen(listener.number, 1),
                    getsockname(listener.number, name, &length), connect(client.number, name, length),
                ]
            }
        }
        try #require(status == [0, 0, 0, 0], "the loopback interface does not work")
        served = SharedDescriptor(FileDescriptor(owning: accept(listener.number, nil, nil)))
        socket = client
        try socket.setNonBlocking()
    }

    /// Hands the other end over: this side keeps no duplicate.
    func takeServed() throws -> SharedDescriptor {
        defer { served = nil }
        return try #require(served)
    }

    var text: String { String(decoding: bytes.prefix(2000), as: UTF8.self) }

    /// Reads what is there.
    func drain() -> Int {
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        var total = 0
        while true {
            let count = recv(socket.number, &buffer, buffer.count, 0)
            guard count > 0 else {
                if count == 0 || errno != EAGAIN { hasEnded = true }
                return total
            }
            bytes += buffer[..<count]
            total += count
        }
    }

    var received: Int { bytes.count }

    private var headEnd: Int? {
        let mark = Array("\r\n\r\n".utf8)
        return bytes.indices.first { $0 + 4 <= bytes.count && Array(bytes[$0..<($0 + 4)]) == mark }.map { $0 + 4 }
    }

    var head: String? { headEnd.map { String(decoding: bytes[..<$0], as: UTF8.self) } }

    /// What came behind the head, as soon as it is so much.
    func body(atLeast count: Int) throws -> [UInt8] {
        let end = MonotonicClock.now() + .seconds(5)
        while true {
            _ = drain()
            if let start = headEnd, bytes.count - start >= count { return Array(bytes[start...]) }
            try #require(MonotonicClock.now() < end, "only \(bytes.count) bytes came")
            usleep(10_000)
        }
    }

    /// The frames (RFC 4571) behind the head.
    func frames(atLeast count: Int) throws -> [[UInt8]] {
        let bytes = try body(atLeast: count * 1330)
        var frames: [[UInt8]] = []
        var offset = 0
        while offset + 2 <= bytes.count {
            let size = Int(bytes[offset]) << 8 | Int(bytes[offset + 1])
            guard offset + 2 + size <= bytes.count else { break }
            frames.append(Array(bytes[(offset + 2)..<(offset + 2 + size)]))
            offset += 2 + size
        }
        return frames
    }
}
