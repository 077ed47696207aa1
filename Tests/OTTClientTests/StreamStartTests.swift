import Clockwork
import MPEGTS
import MediaFixtures
import OTTClient
import Testing

/// A stream joined in the middle of a segment: `before` packets, then a whole segment.
private func midstream(before: Int, isRandomAccess: Bool = true) -> [UInt8] {
    var source = StreamGenerator()
    source.packetsPerReference = 400
    // What was sent before the viewer joined, tables among it.
    let missed = source.segment(references: 1)
    let seen = missed.suffix(before * 188)
    source.marksRandomAccess = isRandomAccess
    return seen + source.segment(references: 4)
}

private func play(_ stream: [UInt8], every interval: Int = 2) -> Client {
    var client = Client(at: .zero)
    for (index, datagram) in datagrams(of: stream, count: stream.count / 1316).enumerated() {
        client.take(datagram, at: milliseconds(index * interval))
    }
    client.finish()
    return client
}

@Suite struct StreamStartTests {
    @Test(arguments: [0, 1, 5, 6, 7, 13, 200])
    func `what is passed on begins with the tables and a picture, wherever in a datagram they stand`(
        _ before: Int
    ) throws {
        let stream = midstream(before: before)
        let client = play(stream)
        // Nothing from the tables on is missing or out of order.
        let isWhole = client.output == Array(stream[(before * 188)...].prefix(client.output.count))
        #expect(isWhole)
        #expect(client.output.count > 1400 * 188)
        let report = client.reception.report(now: milliseconds(600))
        #expect(report.skippedPackets == UInt64(before) && !report.startedAnywhere)
        #expect(report.deliveredBytes == UInt64(client.output.count) && report.isClean)
    }

    @Test func `tables that came long before the picture are put before it, and what lies between is left out`() {
        var source = StreamGenerator()
        var stream = source.tables()
        for _ in 0..<68 { stream += source.packet(pid: StreamGenerator.videoPID) }
        let start = stream.count
        stream += source.packet(pid: StreamGenerator.videoPID, clock: 0, startsUnit: true, isRandomAccess: true)
        for _ in 0..<139 { stream += source.packet(pid: StreamGenerator.videoPID) }
        let client = play(stream)
        let isExpected = client.output == Array(stream[..<(2 * 188)] + stream[start...])
        #expect(isExpected)
        let report = client.reception.report(now: milliseconds(100))
        #expect(report.skippedPackets == 68 && report.isClean)
    }

    @Test func `a sound-only programme begins with any frame`() {
        var source = StreamGenerator()
        source.videoType = 0x0F
        var stream = source.packet(pid: StreamGenerator.videoPID) + source.tables()
        for index in 0..<137 { stream += source.packet(pid: StreamGenerator.videoPID, startsUnit: index % 10 == 7) }
        let client = play(stream)
        let isExpected = client.output == Array(stream[188..<(3 * 188)] + stream[(10 * 188)...])
        #expect(isExpected)
        #expect(client.reception.report(now: milliseconds(100)).skippedPackets == 8)
    }

    @Test func `a stream that marks no such place is passed on after ten seconds, and the report says so`() throws {
        let stream = midstream(before: 0, isRandomAccess: false)
        let client = play(stream, every: 100)
        let report = client.reception.report(now: milliseconds(30_000))
        #expect(report.startedAnywhere && !client.output.isEmpty)
        // The first datagram is passed on with the second, and ten seconds later the 102nd; before it go the two packets of
        // the tables.
        #expect(report.skippedPackets == 101 * 7 - 2)
        let tables = client.output.prefix(2 * 188)
        let rest = client.output.dropFirst(2 * 188)
        let isWhole = tables == stream[..<(2 * 188)] && rest == stream[(101 * 1316)...].prefix(rest.count)
        #expect(isWhole)
    }

    @Test func `without a wait every packet is passed on`() {
        var configuration = MediaReception.Configuration()
        configuration.longestStartWait = .zero
        var client = Client(at: .zero)
        client.reception = MediaReception(configuration: configuration, now: .zero)
        let sent = datagrams(of: midstream(before: 100, isRandomAccess: false), count: 50)
        for (index, datagram) in sent.enumerated() { client.take(datagram, at: milliseconds(index)) }
        let isWhole = client.output == sent.flatMap { $0[12...] }
        #expect(isWhole)
        #expect(client.reception.report(now: milliseconds(60)).skippedPackets == 0)
    }

    @Test func `a programme whose map moves is followed to its new tables`() {
        var source = StreamGenerator()
        var stream = source.tables()
        let moved = ProgramAssociation(transportStreamID: 1, program: 1, mapPID: 0x1001)
        stream += transportPackets(carrying: moved.encoded(version: 1), pid: 0)
        // Its map is not known yet, so this is no place to begin.
        stream += source.packet(pid: StreamGenerator.videoPID, clock: 0, startsUnit: true, isRandomAccess: true)
        for _ in 0..<10 { stream += source.packet(pid: StreamGenerator.videoPID) }
        let map = stream.count
        stream += transportPackets(carrying: source.map.encoded(version: 1), pid: 0x1001)
        stream += source.packet(pid: StreamGenerator.videoPID, clock: 1, startsUnit: true, isRandomAccess: true)
        for _ in 0..<54 { stream += source.packet(pid: StreamGenerator.videoPID) }
        let client = play(stream)
        let isExpected = client.output == Array(stream[(2 * 188)..<(3 * 188)] + stream[map...])
        #expect(isExpected)
    }
}
