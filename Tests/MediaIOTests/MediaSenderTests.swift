import Clockwork
import Foundation
import Glibc
import LinuxIO
import LiveProxy
import MPEGTS
import MediaFixtures
import MediaIO
import RTP
import Testing
import Wire

/// A datagram as a plain socket received it.
private struct Arrival {
    let at: Instant
    let bytes: [UInt8]
}

private func header(_ datagram: [UInt8]) -> RTPHeader? {
    guard let packet = try? RTPPacket(decoding: datagram.span.bytes) else { return nil }
    return packet.header
}

@Suite(.serialized) struct MediaSenderTests {
    /// Joins with a socket that merges nothing, and gathers what comes for as long as `isDone` is false.
    private func gather(
        _ street: MediaStreet, port: UInt16, atMost limit: Duration, start: () throws -> Void,
        until isDone: @escaping (Int) -> Bool
    ) throws -> [Arrival] {
        let loop = try EventLoop()
        let socket = try street.atViewer {
            let socket = try UDPSocket(.v4)
            try socket.bind(to: SocketAddress(MediaStreet.group, port: port))
            try socket.descriptor.setReceiveBuffer(bytes: 4 << 20)
            try socket.join(group: MediaStreet.group, source: MediaStreet.source, on: street.viewerInterface)
            return socket
        }
        var batch = try ReceiveBatch(capacity: 64, bufferSize: 2048)
        var arrivals: [Arrival] = []
        let descriptor = try SharedDescriptor(socket.descriptor.duplicate())
        try loop.add(descriptor.descriptor, .readable) { _ in
            let now = MonotonicClock.now()
            while let count = try? batch.fill(from: descriptor.descriptor), count > 0 {
                for index in 0..<count {
                    let bytes = batch.bytes(at: index).withUnsafeBytes { Array($0) }
                    arrivals.append(Arrival(at: now, bytes: bytes))
                }
            }
        }
        try start()
        let isComplete = try run(loop, atMost: limit) { isDone(arrivals.count) }
        #expect(isComplete, "only \(arrivals.count) datagrams came")
        return arrivals
    }

    @Test(.needsNamespaces, arguments: [true, false])
    func `trains arrive as whole datagrams of 1328 bytes, in order and paced`(_ usesOffload: Bool) throws {
        let street = try MediaStreet()
        var configuration = MediaSender.Configuration()
        configuration.usesSegmentationOffload = usesOffload
        let sender = try MediaSender(configuration: configuration)
        defer { sender.stop() }
        var source = StreamGenerator()
        // 20 Mbit/s: a train of 5 ms has nine packets.
        source.packetsPerReference = 532
        let id = try street.atProxy { try sender.add(street.output(port: 5000), continuing: freshState()) }
        // 25 intervals of 532 packets and the tables make at least 1900 datagrams in a second.
        let arrivals = try gather(street, port: 5000, atMost: .seconds(5)) {
            let outcome = sender.append(source.segment(references: 25), to: id, duration: .seconds(1))
            guard case .accepted = outcome else { throw Refused(outcome: outcome) }
        } until: {
            $0 >= 1900
        }
        #expect(arrivals.allSatisfy { $0.bytes.count == TransportPayload.datagramSize })
        let headers = arrivals.compactMap { header($0.bytes) }
        #expect(headers.count == arrivals.count)
        #expect(zip(headers, headers.dropFirst()).allSatisfy { $1.sequence == $0.sequence &+ 1 })
        var checker = ContinuityChecker()
        for arrival in arrivals {
            let payload = Array(arrival.bytes[12...])
            checker.check(payload.span.bytes)
        }
        #expect(checker.counters.continuityErrors == 0 && checker.counters.syncLosses == 0)
        let (first, last) = (try #require(arrivals.first), try #require(arrivals.last))
        #expect(abs((last.at - first.at).seconds - 0.99) < 0.05)
        let report = try #require(try sender.allReports()[id])
        #expect(report.transmission.sendsSingly == !usesOffload)
        #expect(report.transmission.droppedPackets == 0 && report.transmission.packets >= 1900)
        #expect(report.pacer.trains < report.pacer.packets / 4)
    }

    @Test(.needsNamespaces) func `an interface that refuses trains gets every packet by itself, and none is lost`()
        throws
    {
        let street = try MediaStreet()
        // A train's packets must fit the interface whole, while a single one may be fragmented.
        try street.atProxy { try setMTU(1300, of: street.proxyInterface) }
        let sender = try MediaSender()
        defer { sender.stop() }
        var source = StreamGenerator()
        source.packetsPerReference = 532
        let id = try street.atProxy { try sender.add(street.output(port: 5000), continuing: freshState()) }
        let arrivals = try gather(street, port: 5000, atMost: .seconds(5)) {
            let outcome = sender.append(source.segment(references: 10), to: id, duration: .milliseconds(400))
            guard case .accepted = outcome else { throw Refused(outcome: outcome) }
        } until: {
            $0 >= 750
        }
        let headers = arrivals.compactMap { header($0.bytes) }
        #expect(headers.first?.sequence == freshState().sequence)
        #expect(zip(headers, headers.dropFirst()).allSatisfy { $1.sequence == $0.sequence &+ 1 })
        let report = try #require(try sender.allReports()[id])
        #expect(report.transmission.sendsSingly && report.transmission.droppedPackets == 0)
        #expect(report.transmission.lastErrorNumber == 0)
    }

    private func setMTU(_ mtu: CInt, of interface: InterfaceIndex) throws {
        var request = ifreq()
        let name = withUnsafeMutableBytes(of: &request.ifr_ifrn) {
            if_indextoname(interface.rawValue, $0.baseAddress?.assumingMemoryBound(to: CChar.self))
        }
        try #require(name != nil)
        request.ifr_ifru.ifru_mtu = mtu
        let socket = try UDPSocket(.v4)
        let result = ioctl(socket.descriptor.number, UInt(SIOCSIFMTU), &request)
        try #require(result == 0)
    }

    /// Whether a thread of that name comes up with that policy (sched(7)) in this process.
    private func hasThread(_ name: String, policy: CInt) throws -> Bool {
        for _ in 0..<200 {
            if try policies(ofThreads: name).contains(Int(policy)) { return true }
            usleep(10_000)
        }
        return false
    }

    private func policies(ofThreads name: String) throws -> [Int] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").compactMap { thread in
            let text = (try? String(contentsOfFile: "/proc/self/task/\(thread)/stat", encoding: .utf8)) ?? ""
            guard text.contains("(\(name))"), let end = text.lastIndex(of: ")") else { return nil }
            // The 41st field, counted from the third behind the name.
            let fields = text[end...].split(separator: " ").dropFirst()
            return fields.dropFirst(38).first.flatMap { Int($0) }
        }
    }

    @Test func `the sending thread is real-time where it may be, and an ordinary one otherwise`() throws {
        var configuration = MediaSender.Configuration()
        let sender = try MediaSender(configuration: configuration)
        defer { sender.stop() }
        switch sender.scheduling {
        case .realTime(let priority):
            #expect(priority == 10)
            #expect(try hasThread("media-sender", policy: SCHED_RR))
        case .refused(let error): #expect(error.errno == EPERM)
        case .ordinary: Issue.record("nobody asked for an ordinary thread")
        }
        configuration.realTimePriority = nil
        let ordinary = try MediaSender(configuration: configuration)
        defer { ordinary.stop() }
        #expect(ordinary.scheduling == .ordinary)
        #expect(try hasThread("media-sender", policy: SCHED_OTHER))
    }

    @Test func `a priority that the kernel refuses leaves a sender that works`() throws {
        var configuration = MediaSender.Configuration()
        configuration.realTimePriority = 200
        let sender = try MediaSender(configuration: configuration)
        defer { sender.stop() }
        #expect(sender.scheduling == .refused(SystemError(call: "pthread_setschedparam", errno: EINVAL)))
        #expect(try sender.allReports().isEmpty)
    }

    @Test(.needsNamespaces) func `many renditions share the thread, and each is on its own group`() throws {
        let street = try MediaStreet()
        let sender = try MediaSender()
        defer { sender.stop() }
        var source = StreamGenerator()
        source.packetsPerReference = 133
        let segment = source.segment(references: 25)
        let ids = try (0..<20).map { index in
            try street.atProxy {
                try sender.add(street.output(port: UInt16(5000 + 10 * index)), continuing: freshState(UInt64(index)))
            }
        }
        for id in ids {
            let outcome = sender.append(segment, to: id, duration: .seconds(1))
            guard case .accepted = outcome else { throw Refused(outcome: outcome) }
        }
        let arrivals = try gather(street, port: 5070, atMost: .seconds(5), start: {}, until: { $0 >= 420 })
        #expect(Set(arrivals.compactMap { header($0.bytes)?.ssrc }) == [freshState(7).ssrc])
        let reports = try sender.allReports()
        #expect(reports.keys.sorted() == ids)
        #expect(reports.values.allSatisfy { $0.transmission.packets > 400 && $0.transmission.droppedPackets == 0 })
    }

    @Test(.needsNamespaces) func `a removed rendition's state lets its successor go on without a gap`() throws {
        let street = try MediaStreet()
        let sender = try MediaSender()
        defer { sender.stop() }
        var source = StreamGenerator()
        let first = try street.atProxy { try sender.add(street.output(port: 5000), continuing: freshState()) }
        let arrivals = try gather(street, port: 5000, atMost: .seconds(5)) {
            _ = sender.append(source.segment(references: 10), to: first, duration: .milliseconds(400))
            usleep(200_000)
            let last = try #require(try sender.removed(first))
            let second = try street.atProxy {
                try sender.add(street.output(port: 5000), continuing: last.continuation)
            }
            source.counters = [:]
            let outcome = sender.append(source.segment(references: 10), to: second, duration: .milliseconds(400))
            guard case .accepted = outcome else { throw Refused(outcome: outcome) }
        } until: {
            $0 >= 90
        }
        let headers = arrivals.compactMap { header($0.bytes) }
        #expect(zip(headers, headers.dropFirst()).allSatisfy { $1.sequence == $0.sequence &+ 1 })
        var checker = ContinuityChecker()
        for arrival in arrivals {
            let payload = Array(arrival.bytes[12...])
            checker.check(payload.span.bytes)
        }
        #expect(checker.counters.continuityErrors == 0 && checker.counters.announcedDiscontinuities == 1)
        #expect(sender.append([0x47], to: first, duration: .zero) == .refused(.unknownStream))
    }

    @Test(.needsNamespaces) func `a full queue is refused until some of it was sent`() throws {
        let street = try MediaStreet()
        var configuration = MediaSender.Configuration()
        configuration.maximumQueuedBytes = 300_000
        let sender = try MediaSender(configuration: configuration)
        defer { sender.stop() }
        var source = StreamGenerator()
        let id = try street.atProxy { try sender.add(street.output(port: 5000), continuing: freshState()) }
        let segment = source.segment(references: 25)
        #expect(segment.count > 150_000 && segment.count < 300_000)
        guard case .accepted = sender.append(segment, to: id, duration: .seconds(1)) else {
            Issue.record("an empty queue refused a segment")
            return
        }
        #expect(sender.append(segment, to: id, duration: .seconds(1)) == .refused(.queueFull(limit: 300_000)))
        let end = MonotonicClock.now() + .seconds(5)
        var outcome = AppendOutcome.refused(.unknownStream)
        while MonotonicClock.now() < end {
            outcome = sender.append(segment, to: id, duration: .seconds(1))
            if case .accepted = outcome { break }
            usleep(10_000)
        }
        guard case .accepted(let queued) = outcome else { throw Refused(outcome: outcome) }
        #expect(queued <= 300_000)
    }

    @Test func `what is no media is refused by name, and so is everything after the stop`() throws {
        let sender = try MediaSender()
        let id = try sender.add(
            RenditionOutput(
                source: .v4(IPv4Address(127, 0, 0, 1)), group: .v4(IPv4Address(239, 1, 2, 3)), port: 5008,
                interface: InterfaceIndex(if_nametoindex("lo"))), continuing: freshState())
        #expect(
            sender.append(Array("<html>".utf8), to: id, duration: .zero) == .refused(.notMedia(.notTransportStream)))
        #expect(sender.append([], to: id, duration: .zero) == .refused(.notMedia(.empty)))
        sender.stop()
        #expect(sender.append([0x47], to: id, duration: .zero) == .refused(.stopped))
        #expect(throws: MediaSenderError.stopped) {
            try sender.add(
                RenditionOutput(
                    source: .v4(IPv4Address(127, 0, 0, 1)), group: .v4(IPv4Address(239, 1, 2, 3)), port: 5008,
                    interface: InterfaceIndex(1)), continuing: freshState())
        }
        sender.stop()
    }

    struct RefusedOutput: CustomTestStringConvertible {
        let output: RenditionOutput
        let error: MediaSenderError
        var testDescription: String { error.description }
        init(_ error: MediaSenderError, _ change: (inout RenditionOutput) -> Void) {
            var output = RenditionOutput(
                source: .v4(IPv4Address(127, 0, 0, 1)), group: .v4(IPv4Address(239, 1, 2, 3)), port: 5000,
                interface: InterfaceIndex(1))
            change(&output)
            self.output = output
            self.error = error
        }
    }

    @Test(arguments: [
        RefusedOutput(.notMulticast(.v4(IPv4Address(10, 0, 0, 1)))) { $0.group = .v4(IPv4Address(10, 0, 0, 1)) },
        RefusedOutput(.oddPort(5001)) { $0.port = 5001 },
        RefusedOutput(.oddPort(0)) { $0.port = 0 },
        RefusedOutput(.mtuTooSmall(mtu: 1355, required: 1356)) { $0.mtu = 1355 },
        RefusedOutput(.mixedFamilies) { $0.source = .v6(IPv6Address(high: 0, low: 1)) },
        RefusedOutput(.system(SystemError(call: "setsockopt", errno: EADDRNOTAVAIL))) {
            $0.interface = InterfaceIndex(9999)
        },
    ])
    func `an output that cannot be sent to is refused by name`(_ row: RefusedOutput) throws {
        let sender = try MediaSender()
        defer { sender.stop() }
        #expect(throws: row.error) { try sender.add(row.output, continuing: freshState()) }
    }

    @Test func `there are no more renditions than the limit`() throws {
        var configuration = MediaSender.Configuration()
        configuration.maximumRenditions = 2
        let sender = try MediaSender(configuration: configuration)
        defer { sender.stop() }
        func add(_ port: UInt16) throws -> MediaStreamID {
            try sender.add(
                RenditionOutput(
                    source: .v4(IPv4Address(127, 0, 0, 1)), group: .v4(IPv4Address(239, 1, 2, 3)), port: port,
                    interface: InterfaceIndex(if_nametoindex("lo"))), continuing: freshState())
        }
        let first = try add(5020)
        _ = try add(5022)
        #expect(throws: MediaSenderError.tooManyRenditions(limit: 2)) { try add(5024) }
        let report = try sender.removed(first)
        #expect(report != nil)
        _ = try add(5024)
    }
}

struct Refused: Error {
    let outcome: AppendOutcome
}
