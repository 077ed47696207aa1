import Clockwork
import Glibc
import LinuxIO
import LiveProxy
import MPEGTS
import MediaFixtures
import MediaIO
import OTTClient
import RTP
import Testing
import Wire

@Suite(.serialized) struct MediaReceiverTests {
    @Test(.needsNamespaces) func `what a proxy sends, a client writes to its file byte by byte`() throws {
        let street = try MediaStreet()
        let sender = try MediaSender()
        defer { sender.stop() }
        let path = "/tmp/media-receiver-\(getpid()).ts"
        defer { unlink(path) }
        let loop = try EventLoop()
        let receiver = try street.atViewer {
            try MediaReceiver(street.subscription(port: 5000), to: MediaSink(file: path), on: loop)
        }
        var source = StreamGenerator()
        source.packetsPerReference = 133
        let id = try street.atProxy { try sender.add(street.output(port: 5000), continuing: freshState()) }
        for _ in 0..<2 {
            let outcome = sender.append(source.segment(references: 25), to: id, duration: .seconds(1))
            guard case .accepted = outcome else { throw Refused(outcome: outcome) }
        }
        // 6,650 packets and tables make 950 datagrams or more; the last one is filled up and tells the end.
        let isComplete = try run(loop, atMost: .seconds(6)) { receiver.report.packets >= 955 }
        let report = receiver.close()
        #expect(isComplete && report.isClean, "\(report)")
        #expect(report.firstPacketDelay.map { $0 < 500 } == true)
        #expect(report.refused.total == 0 && report.reordered == 0 && report.duplicates == 0)
        let written = try read(path)
        #expect(written.count == report.deliveredBytes)
        let packets = stride(from: 0, to: written.count, by: 188).map {
            TakenPacket(Array(written[$0..<($0 + 188)]), time: 0)
        }
        let serials = packets.filter { $0.pid == StreamGenerator.videoPID || $0.pid == StreamGenerator.audioPID }
            .map(\.serial)
        #expect(serials == Array(1...UInt32(serials.count)) && serials.count > 6600)
    }

    @Test(.needsNamespaces) func `another source to the same group is not received`() throws {
        let street = try MediaStreet()
        let loop = try EventLoop()
        var subscription = street.subscription(port: 5000)
        subscription.source = .v4(IPv4Address(10, 77, 0, 99))
        let sink = try MediaSink(udp: SocketAddress(.v4(IPv4Address(127, 0, 0, 1)), port: 9))
        let receiver = try street.atViewer { try MediaReceiver(subscription, to: sink, on: loop) }
        let socket = try street.atProxy {
            let socket = try UDPSocket(.v4)
            try socket.setMulticastInterface(street.proxyInterface)
            return socket
        }
        try socket.send([UInt8](repeating: 0x80, count: 1328), to: SocketAddress(MediaStreet.group, port: 5000))
        _ = try run(loop, atMost: .milliseconds(100)) { false }
        let report = receiver.close()
        #expect(report.packets == 0 && report.bytes == 0)
    }

    @Test(.needsNamespaces) func `a burst is written as its connection brings it, until its framing breaks`() throws {
        let street = try MediaStreet()
        let path = "/tmp/media-burst-\(getpid()).ts"
        defer { unlink(path) }
        let loop = try EventLoop()
        var configuration = MediaReception.Configuration()
        configuration.expectsBurst = true
        configuration.longestStartWait = .zero
        let receiver = try street.atViewer {
            try MediaReceiver(
                street.subscription(port: 5000), to: MediaSink(file: path), on: loop, configuration: configuration)
        }
        var endings = 0
        receiver.onBurstOver = { endings += 1 }
        let packets: [[UInt8]] = (0..<20).map { number in
            [0x80, 33, 0xFF, UInt8(200 + number)] + [UInt8](repeating: 0, count: 8)
                + [UInt8](repeating: UInt8(number), count: 188)
        }
        let framed: [UInt8] = packets.flatMap { [0, UInt8($0.count)] + $0 }
        for start in stride(from: 0, to: framed.count, by: 333) {
            receiver.receiveBurst(Array(framed[start..<min(start + 333, framed.count)]))
        }
        #expect(receiver.report.burst?.packets == 20 && endings == 0)
        receiver.receiveBurst([0, 1, 0x80])
        #expect(endings == 1 && receiver.report.burst?.outcome == .ended)
        receiver.receiveBurst(framed)
        receiver.close()
        #expect(try read(path) == packets.flatMap { $0[12...] })
    }

    private func read(_ path: String) throws -> [UInt8] {
        let number = open(path, O_RDONLY | O_CLOEXEC)
        try #require(number >= 0)
        let file = FileDescriptor(owning: number)
        var all: [UInt8] = []
        while true {
            let part = try file.read(upTo: 1 << 16)
            if part.isEmpty { return all }
            all += part
        }
    }
}

@Suite struct MediaSinkTests {
    private func write(_ count: Int, to sink: MediaSink) {
        let packets = [UInt8](repeating: 0x47, count: 7 * 188)
        for _ in 0..<count { sink.write(packets.span.bytes) }
        sink.flush()
    }

    private func makePipe() throws -> (reading: CInt, writing: CInt) {
        var ends: [CInt] = [0, 0]
        let result = pipe(&ends)
        try #require(result == 0)
        return (ends[0], ends[1])
    }

    @Test func `a player that stopped costs a bounded queue and then packets, never the network side`() throws {
        let ends = try makePipe()
        defer { close(ends.reading) }
        let sink = try MediaSink(FileDescriptor(owning: ends.writing))
        write(10, to: sink)
        #expect(sink.pendingBytes == 0 && sink.droppedBytes == 0)
        write(2 * MediaSink.limit / 1316, to: sink)
        #expect(sink.pendingBytes <= MediaSink.limit && sink.pendingBytes > MediaSink.limit / 2)
        #expect(sink.droppedBytes > 0 && sink.failure == nil)
        // It reads again, and gets whole packets.
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        var total = 0
        while sink.pendingBytes > 0 {
            total += Glibc.read(ends.reading, &buffer, buffer.count)
            sink.flush()
        }
        #expect(total > MediaSink.limit / 2)
    }

    @Test func `a player that went away ends the sink, by name`() throws {
        Privileges.ignoreBrokenPipes()
        let ends = try makePipe()
        close(ends.reading)
        let sink = try MediaSink(FileDescriptor(owning: ends.writing))
        write(3, to: sink)
        #expect(sink.failure?.errno == EPIPE)
        write(3, to: sink)
        #expect(sink.droppedBytes >= 3 * 1316)
    }

    @Test func `a local player gets datagrams of seven packets`() throws {
        let player = try UDPSocket(.v4)
        try player.bind(to: SocketAddress(.v4(IPv4Address(127, 0, 0, 1))))
        let local = try player.localAddress()
        let address = try #require(local)
        let sink = try MediaSink(udp: address)
        write(5, to: sink)
        var batch = try ReceiveBatch(capacity: 8, bufferSize: 2048)
        let count = try batch.fill(from: player.descriptor)
        #expect(count == 5)
        let length = batch.bytes(at: 0).byteCount
        #expect(length == 1316)
    }
}
