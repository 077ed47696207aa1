import Clockwork
import RTP
import Testing

struct RefusedCompound: CustomTestStringConvertible {
    let testDescription: String
    let bytes: [UInt8]
    let error: RTCPError
    init(_ name: String, _ bytes: [UInt8], _ error: RTCPError) {
        testDescription = name
        self.bytes = bytes
        self.error = error
    }
}

private let emptyReport: [UInt8] = [0x80, 201, 0, 1, 1, 2, 3, 4]

@Suite struct RTCPTests {
    static let report = SenderReport(
        ssrc: 0xCAFE_BABE, moment: 0xE700_0000_8000_0000, timestamp: 0xFFFF_FFFE, packets: 7, octets: 9212)
    static let reception = ReceptionReport(
        ssrc: 0xCAFE_BABE, fractionLost: 12, cumulativeLost: -3, highestSequence: 0x0002_FFF0, jitter: 44,
        lastSenderReport: 0x0000_8000, delaySinceSenderReport: 65_536)

    static func everything() -> [UInt8] {
        var writer = RTCPWriter()
        writer.write(report, [reception])
        writer.writeReceiverReport(of: 5, [reception, reception])
        writer.writeSourceDescription(of: 5, canonicalName: "viewer@10.0.0.1")
        writer.writeGenericNACK(from: 5, of: report.ssrc, [NACKPair(first: 65_535, following: 0x8001)])
        writer.writeGoodbye(of: 5)
        return writer.bytes
    }

    @Test func `what is written is read again`() throws {
        let bytes = Self.everything()
        var compound = try RTCPCompound(decoding: bytes.span.bytes)
        let sender = compound.next()
        let (sent, heard) = (try sender.senderReport(), try sender.receptionReports())
        #expect(sent == Self.report && heard == [Self.reception])
        let receiver = compound.next()
        let (source, both) = (try receiver.source(), try receiver.receptionReports())
        #expect(source == 5 && both == [Self.reception, Self.reception])
        let name = try compound.next().canonicalName()
        #expect(name == Array("viewer@10.0.0.1".utf8))
        let feedback = compound.next()
        let nack = try feedback.genericNACK()
        let (asker, media, pairs) = (nack.sender, nack.media, nack.pairCount)
        #expect(asker == 5 && media == Self.report.ssrc && pairs == 1)
        var lost: [UInt16] = []
        nack.forEachPair { pair in pair.forEachSequence { lost.append($0) } }
        #expect(lost == [65_535, 0, 15])
        let gone = try compound.next().goodbyes()
        let isAtEnd = !compound.hasNext
        #expect(gone == [5] && isAtEnd)
    }

    @Test(arguments: 0...9)
    func `a name of any length fills whole words and ends with a zero`(length: Int) throws {
        var writer = RTCPWriter()
        let name = String(repeating: "n", count: length)
        writer.writeReceiverReport(of: 1, [])
        writer.writeSourceDescription(of: 1, canonicalName: name)
        let bytes = writer.bytes
        #expect(bytes.count % 4 == 0 && bytes.last == 0)
        var compound = try RTCPCompound(decoding: bytes.span.bytes)
        _ = compound.next()
        let read = try compound.next().canonicalName()
        #expect(read == Array(name.utf8))
    }

    @Test(arguments: [
        RefusedCompound("empty", [], .truncated),
        RefusedCompound("half a header", [0x80, 201], .truncated),
        RefusedCompound("version 1", [0x40, 201, 0, 0], .wrongVersion),
        RefusedCompound("RTP", [0x80, 33, 0, 1, 0, 0, 0, 0], .packetType),
        RefusedCompound("longer than the datagram", [0x80, 201, 0, 2, 0, 0, 0, 0], .badLength),
        RefusedCompound("half a second packet", emptyReport + [0x81, 203], .truncated),
        RefusedCompound("a goodbye alone", [0x81, 203, 0, 1, 0, 0, 0, 1], .noReport),
        RefusedCompound("padding in front", [0xA0, 201, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4] + emptyReport, .badPadding),
        RefusedCompound("padding of nothing", emptyReport + [0xA1, 203, 0, 1, 0, 0, 0, 0], .badPadding),
        RefusedCompound("more padding than packet", emptyReport + [0xA1, 203, 0, 1, 0, 0, 0, 8], .badPadding),
        RefusedCompound("broken padding", emptyReport + [0xA1, 203, 0, 1, 0, 0, 0, 3], .badPadding),
        RefusedCompound("too many packets", (0..<17).flatMap { _ in emptyReport }, .tooManyPackets),
    ])
    func `a datagram that is no RTCP is refused by name`(_ row: RefusedCompound) {
        #expect(throws: row.error) { _ = try RTCPCompound(decoding: row.bytes.span.bytes).hasNext }
    }

    @Test func `padding of the last packet is no contents`() throws {
        let bytes = emptyReport + [0xA1, 203, 0, 2, 0, 0, 0, 9, 0, 0, 0, 4]
        var compound = try RTCPCompound(decoding: bytes.span.bytes)
        _ = compound.next()
        let goodbye = compound.next()
        let (gone, size) = (try goodbye.goodbyes(), goodbye.body.byteCount)
        #expect(gone == [9] && size == 4)
    }

    @Test(arguments: [
        RefusedCompound("feedback without a source", [0x81, 205, 0, 1, 0, 0, 0, 1], .badLength),
        RefusedCompound("a request for nothing", [0x81, 205, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2], .badLength),
        RefusedCompound("another format", [0x82, 205, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 1, 0, 0], .packetType),
        RefusedCompound("a report", emptyReport, .packetType),
    ])
    func `feedback that is no request is refused by name`(_ row: RefusedCompound) throws {
        #expect(throws: row.error) {
            var compound = try RTCPCompound(decoding: row.bytes.span.bytes)
            _ = try compound.next().genericNACK().pairCount
        }
    }

    @Test(arguments: [
        ([0x81, 200, 0, 5] + [UInt8](repeating: 0, count: 20), 0), ([0x81, 201, 0, 1, 0, 0, 0, 1], 0),
        (emptyReport + [0x82, 203, 0, 1, 0, 0, 0, 1], 1),
        (emptyReport + [0x81, 202, 0, 2, 0, 0, 0, 1, 1, 9, 65, 65], 1),
    ])
    func `counts beyond the contents are refused`(bytes: [UInt8], index: Int) throws {
        #expect(throws: RTCPError.badLength) {
            var compound = try RTCPCompound(decoding: bytes.span.bytes)
            for _ in 0..<index { _ = compound.next() }
            let packet = compound.next()
            switch packet.type {
            case .goodbye: _ = try packet.goodbyes()
            case .sourceDescription: _ = try packet.canonicalName()
            default:
                _ = try packet.type == .senderReport ? packet.senderReport().ssrc : 0
                _ = try packet.receptionReports()
            }
        }
    }

    @Test func `no mutation of a compound traps the decoder`() {
        var chance = SeededGenerator(seed: 41)
        let sound = Self.everything()
        var read = 0
        for _ in 0..<20_000 {
            var bytes = sound
            for _ in 0..<Int.random(in: 0...4, using: &chance) {
                bytes[Int.random(in: bytes.indices, using: &chance)] = UInt8.random(in: .min ... .max, using: &chance)
            }
            if Bool.random(using: &chance) { bytes.removeLast(Int.random(in: 0...bytes.count, using: &chance)) }
            read += readAll(bytes)
        }
        #expect(read > 20_000)
    }

    /// Reads whatever can be read; answers how many packets there were.
    private func readAll(_ bytes: [UInt8]) -> Int {
        guard var compound = try? RTCPCompound(decoding: bytes.span.bytes) else { return 0 }
        var count = 0
        while compound.hasNext {
            let packet = compound.next()
            count += 1
            _ = try? packet.senderReport()
            _ = try? packet.receptionReports()
            _ = try? packet.canonicalName()
            _ = try? packet.goodbyes()
            if let nack = try? packet.genericNACK() {
                nack.forEachPair { pair in pair.forEachSequence { _ in } }
            }
        }
        return count
    }

    @Test func `pairs take what lies within sixteen of the first`() {
        var pair = NACKPair(first: 65_530)
        var taken: [UInt16] = []
        for sequence: UInt16 in [65_531, 10, 11, 65_530, 65_529] where pair.take(sequence) { taken.append(sequence) }
        #expect(taken == [65_531, 10])
        #expect(pair.following == 0x8001 && pair.count == 3)
    }

    @Test func `moments count from 1900 in halves and quarters`() {
        let epoch: UInt64 = 2_208_988_800
        #expect(SenderReport.moment(UnixTime(milliseconds: 500)) == (epoch << 32) + 0x8000_0000)
        #expect(SenderReport.moment(UnixTime(milliseconds: 1_250)) == ((epoch + 1) << 32) + 0x4000_0000)
    }

    @Test func `reports keep the interval of RFC 3550`() {
        var chance = SeededGenerator(seed: 3)
        var few = RTCPInterval(sessionBitRate: 5_000_000, averageSize: 100)
        for _ in 0..<1000 {
            let next = few.next(isFirst: false, using: &chance).seconds
            #expect(next >= 2.5 / 1.21828 - 0.001 && next >= 2.05 && next <= 7.5 / 1.21828 + 0.001)
            #expect(few.next(isFirst: true, using: &chance).seconds <= 3.75 / 1.21828 + 0.001)
        }
        // A hundred thousand receivers share three quarters of five per cent; one sender keeps its own quarter.
        few.members = 100_000
        #expect(few.next(isFirst: false, using: &chance).seconds < 7)
        few.senders = 100_000
        #expect(few.next(isFirst: false, using: &chance).seconds > 100)
    }
}
