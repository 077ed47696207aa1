import Clockwork
import MPEGTS
import MediaFixtures
import OTTClient
import RTP
import Testing

/// RTP datagrams of a generated stream that begins with its tables and a picture, two milliseconds apart.
func datagrams(count: Int) -> [[UInt8]] {
    var source = StreamGenerator()
    source.packetsPerReference = count * 7
    source.audioEvery = .max
    return datagrams(of: source.segment(references: 1), count: count)
}

/// The first `count` datagrams of a transport stream.
func datagrams(of stream: [UInt8], count: Int) -> [[UInt8]] {
    (0..<count).map { index in
        var datagram = [UInt8](repeating: 0, count: TransportPayload.datagramSize)
        RTPHeader(
            payloadType: 33, sequence: UInt16(truncatingIfNeeded: 65_500 + index), timestamp: UInt32(index * 180),
            ssrc: 6
        ).write(into: &datagram, at: 0)
        datagram.replaceSubrange(
            12..., with: stream[(index * TransportPayload.size)..<((index + 1) * TransportPayload.size)])
        return datagram
    }
}

struct Client {
    var reception: MediaReception
    var output: [UInt8] = []

    init(at now: Instant, _ configuration: MediaReception.Configuration = .init()) {
        reception = MediaReception(configuration: configuration, now: now)
    }

    mutating func takeRepair(_ datagram: [UInt8], at now: Instant) {
        var out: [UInt8] = []
        reception.receiveRepair(datagram.span.bytes, now: now) { packets in
            packets.withUnsafeBytes { out += $0 }
        }
        output += out
    }

    mutating func take(_ datagram: [UInt8], at now: Instant) {
        var out: [UInt8] = []
        reception.receive(datagram.span.bytes, now: now) { packets in
            packets.withUnsafeBytes { out += $0 }
        }
        output += out
    }

    mutating func finish() {
        var out: [UInt8] = []
        reception.finish { packets in packets.withUnsafeBytes { out += $0 } }
        output += out
    }
}

func milliseconds(_ value: Int) -> Instant { Instant(nanoseconds: Int64(value) * 1_000_000) }

@Suite struct MediaReceptionTests {
    @Test func `a whole stream is passed on byte by byte and reported clean`() {
        let sent = datagrams(count: 500)
        var client = Client(at: milliseconds(1000))
        for (index, datagram) in sent.enumerated() { client.take(datagram, at: milliseconds(1040 + index * 2)) }
        client.finish()
        #expect(client.output == sent.flatMap { $0[12...] })
        let report = client.reception.report(now: milliseconds(2100))
        #expect(report.isClean && report.packets == 500 && report.bytes == 500 * 1328)
        #expect(report.deliveredBytes == 500 * 1316)
        #expect(report.firstPacketDelay == 40 && report.duration == 1100 && report.silence == 62)
        #expect(report.jitterMicroseconds < 10)
    }

    @Test func `order is restored, and what is lost shows in both counts`() {
        var sent = datagrams(count: 500)
        sent.swapAt(50, 51)
        sent.swapAt(90, 95)
        sent.remove(at: 200)
        sent.insert(sent[300], at: 301)
        var client = Client(at: .zero)
        for (index, datagram) in sent.enumerated() { client.take(datagram, at: milliseconds(index * 2)) }
        client.finish()
        let report = client.reception.report(now: milliseconds(1100))
        #expect(report.lost == 1 && report.duplicates == 1 && report.packets == 499)
        #expect(report.reordered == 6)
        #expect(report.continuityErrors == 1 && !report.isClean)
        #expect(client.output.count == 499 * 1316)
    }

    @Test func `datagrams of other kinds are refused by name and disturb nothing`() {
        let sent = datagrams(count: 20)
        var client = Client(at: .zero)
        for (index, datagram) in sent.enumerated() {
            client.take(datagram, at: milliseconds(index))
            client.take([0x47, 1, 2], at: milliseconds(index))
            client.take([0x80, 96] + datagram.dropFirst(2), at: milliseconds(index))
            client.take(Array(datagram.dropLast()), at: milliseconds(index))
        }
        client.finish()
        let report = client.reception.report(now: milliseconds(20))
        #expect(report.refused.notRTP == 20 && report.refused.otherPayloadTypes == 20)
        #expect(report.refused.partialPayloads == 20 && report.refused.total == 60)
        #expect(report.isClean && client.output == sent.flatMap { $0[12...] })
    }

    @Test func `a session that receives nothing is not clean and says so`() {
        let reception = MediaReception(now: .zero)
        let report = reception.report(now: milliseconds(3000))
        #expect(!report.isClean && report.firstPacketDelay == nil && report.silence == nil)
        #expect(report.liveLine(since: nil) == "3.00 s  nothing received yet")
    }

    @Test func `the live line tells the rate since the last one and the totals`() {
        let sent = datagrams(count: 1000)
        var client = Client(at: .zero)
        for (index, datagram) in sent.prefix(500).enumerated() { client.take(datagram, at: milliseconds(index * 2)) }
        let first = client.reception.report(now: milliseconds(1000))
        #expect(
            first.liveLine(since: nil)
                == "1.00 s  5.31 Mbit/s  packets 500  lost 0  reordered 0  duplicates 0  continuity errors 0"
                + "  jitter 0.00 ms")
        let second = client.reception.report(now: milliseconds(2998))
        #expect(second.liveLine(since: first).hasSuffix("silent for 2.00 s"))
        #expect(second.liveLine(since: first).hasPrefix("3.00 s  0.00 Mbit/s"))
    }

    @Test func `no datagram traps the client`() {
        var chance = SeededGenerator(seed: 5)
        let sent = datagrams(count: 300)
        var client = Client(at: .zero)
        for (index, datagram) in sent.enumerated() {
            var bytes = datagram
            for _ in 0..<Int.random(in: 0...3, using: &chance) {
                bytes[Int.random(in: 0..<200, using: &chance)] = UInt8.random(in: .min ... .max, using: &chance)
            }
            client.take(bytes, at: milliseconds(index))
        }
        client.finish()
        #expect(client.output.count % 188 == 0)
        #expect(client.reception.report(now: milliseconds(400)).packets > 100)
    }
}
