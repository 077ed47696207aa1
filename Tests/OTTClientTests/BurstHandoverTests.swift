import Clockwork
import MediaFixtures
import OTTClient
import RTP
import Testing

/// One channel's packets: a number every two milliseconds; tables and a picture to begin with every 250 packets.
private struct Stream {
    static let interval: Int64 = 2
    static let pictureInterval = 250
    private static let tables = {
        var source = StreamGenerator()
        return source.tables()
    }()
    var first = 65_000
    var ssrc: UInt32 = 6

    static func time(_ index: Int) -> Instant { milliseconds(index * Int(interval)) }

    func packet(_ index: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 12)
        RTPHeader(
            payloadType: 33, sequence: UInt16(truncatingIfNeeded: first + index),
            timestamp: UInt32(truncatingIfNeeded: index * 180), ssrc: ssrc
        ).write(into: &bytes, at: 0)
        let (pictures, rest) = index.quotientAndRemainder(dividingBy: Self.pictureInterval)
        if rest == 0 { bytes += tables(pictures) }
        // The tables took the place of two packets of the picture's stream in each datagram they came in.
        var counter = index * 7 - 2 * (rest == 0 ? pictures : pictures + 1)
        while bytes.count < TransportPayload.datagramSize {
            let isPicture = rest == 0 && bytes.count == 12 + 2 * 188
            bytes += [0x47, 1, 0, 0x30 | UInt8(truncatingIfNeeded: counter) & 15, 1, isPicture ? 0x40 : 0, 0, 0]
            bytes += Self.encoded(index) + [UInt8](repeating: 0, count: 188 - 12)
            counter += 1
        }
        return bytes
    }

    private func tables(_ pictures: Int) -> [UInt8] {
        var tables = Self.tables
        for offset in [3, 188 + 3] { tables[offset] = tables[offset] & 0xF0 | UInt8(pictures & 15) }
        return tables
    }

    private static func encoded(_ index: Int) -> [UInt8] {
        withUnsafeBytes(of: UInt32(index).bigEndian) { Array($0) }
    }

    /// Which datagrams `output` is made of, by what the last transport packet of each says.
    static func indices(_ output: [UInt8]) -> [Int] {
        stride(from: 6 * 188, to: output.count, by: 1316).map { start in
            output[(start + 8)..<(start + 12)].reduce(0) { $0 << 8 | Int($1) }
        }
    }
}

/// A client that changes to the stream at `join`, with a burst beside the group.
private struct Viewer {
    enum Arrival {
        case group([UInt8])
        case burst([UInt8])
        case burstEnds
    }

    var reception: MediaReception
    var output: [UInt8] = []
    /// Packets of the burst that were still asked for.
    var burstTaken = 0

    init(at join: Instant, burstWindow: Int = 4096) {
        var configuration = MediaReception.Configuration()
        configuration.expectsBurst = true
        configuration.burstWindow = burstWindow
        reception = MediaReception(configuration: configuration, now: join)
    }

    /// Feeds what arrives, in time's order, with every deadline between.
    mutating func play(_ arrivals: [(at: Instant, what: Arrival)], until end: Instant) {
        for (at, what) in arrivals.sorted(by: { $0.at < $1.at }) {
            tick(until: at)
            take(what, at)
        }
        tick(until: end)
    }

    private mutating func tick(until end: Instant) {
        var rounds = 0
        while let deadline = reception.deadline, deadline <= end {
            var out: [UInt8] = []
            reception.tick(now: deadline) { packets in packets.withUnsafeBytes { out += $0 } }
            output += out
            rounds += 1
            guard rounds < 10_000 else {
                Issue.record("a deadline that never passes")
                return
            }
        }
    }

    private mutating func take(_ what: Arrival, _ now: Instant) {
        var out: [UInt8] = []
        func deliver(_ packets: RawSpan) { packets.withUnsafeBytes { out += $0 } }
        switch what {
        case .group(let bytes): reception.receive(bytes.span.bytes, now: now, deliver: deliver)
        case .burst(let bytes) where reception.wantsBurst:
            burstTaken += 1
            reception.receiveBurst(bytes.span.bytes, now: now, deliver: deliver)
        case .burst: break
        case .burstEnds: reception.burstEnded(now: now, deliver: deliver)
        }
        output += out
    }

    var indices: [Int] { Stream.indices(output) }

    /// What was passed on, as ranges of indices: short enough to be read when it is wrong.
    var runs: [Range<Int>] {
        indices.reduce(into: []) { runs, index in
            if runs.last?.upperBound == index {
                runs[runs.count - 1] = runs[runs.count - 1].lowerBound..<(index + 1)
            } else {
                runs.append(index..<(index + 1))
            }
        }
    }

    var report: SessionReport { reception.report(now: .zero) }
}

extension Stream {
    /// The group's packets from `start` on, except `lost`.
    fileprivate func group(
        _ range: Range<Int>, without lost: Set<Int> = []
    ) -> [(at: Instant, what: Viewer.Arrival)] {
        range.filter { !lost.contains($0) }.map { (Self.time($0), .group(packet($0))) }
    }

    /// A burst from `start` that begins at `begin`, four packets a millisecond until it is live.
    fileprivate func burst(
        _ range: Range<Int>, at begin: Instant, without lost: Set<Int> = []
    ) -> [(at: Instant, what: Viewer.Arrival)] {
        range.enumerated().filter { !lost.contains($0.element) }.map { count, index in
            (max(begin + .microseconds(Int64(count) * 250), Self.time(index) + .milliseconds(1)), .burst(packet(index)))
        }
    }
}

@Suite struct BurstHandoverTests {
    private let stream = Stream()
    /// The client asks while packet 900 is on its way: the last picture began at 750, the next comes with 1000, and what
    /// is passed on begins with one of them.
    private let join = Stream.time(900)

    @Test func `a burst shows the last picture at once and the group goes on without gap or duplicate`() {
        var viewer = Viewer(at: join)
        viewer.play(
            stream.burst(750..<1500, at: join + .milliseconds(8)) + stream.group(910..<1500), until: milliseconds(3000))
        #expect(viewer.runs == [750..<1500])
        let report = viewer.report
        #expect(report.burst?.outcome == .handedOver && report.burst?.firstPacketDelay == 8)
        #expect(report.firstPictureDelay == 8 && report.firstPacketDelay == 20)
        #expect(report.isClean && report.tooLate == 0 && report.duplicates == 0)
        // It was closed soon after it had met the group, long before the stream's end.
        #expect(viewer.burstTaken < 300)
    }

    @Test func `without a burst the picture waits for the next random-access point`() {
        var reception = MediaReception(now: join)
        for index in 910..<1100 {
            let packet = stream.packet(index)
            reception.receive(packet.span.bytes, now: Stream.time(index)) { _ in }
        }
        #expect(reception.report(now: .zero).firstPictureDelay == 200)
        #expect(reception.report(now: .zero).burst == nil)
    }

    @Test func `what the group loses at the seam the burst brings`() {
        var viewer = Viewer(at: join)
        let lost: Set<Int> = [911, 912, 920, 930]
        viewer.play(
            stream.burst(750..<1500, at: join + .milliseconds(8)) + stream.group(910..<1500, without: lost),
            until: milliseconds(3000))
        #expect(viewer.runs == [750..<1500])
        #expect(viewer.report.burst?.outcome == .handedOver)
        #expect(viewer.report.lost == 4 && (viewer.report.burst?.filled ?? 0) >= 4)
        #expect(viewer.report.continuityErrors == 0)
    }

    @Test func `what neither brings is stepped over at once`() {
        var viewer = Viewer(at: join)
        let lost: Set<Int> = [800, 920]
        viewer.play(
            stream.burst(750..<1500, at: join + .milliseconds(8), without: lost)
                + stream.group(910..<1500, without: lost), until: milliseconds(3000))
        #expect(viewer.runs == [750..<800, 801..<920, 921..<1500])
        #expect(viewer.report.burst?.outcome == .handedOver)
        #expect((viewer.report.burst?.duration ?? .max) < 300)
    }

    @Test func `a replication point that does not answer costs no more than its time limit`() {
        var viewer = Viewer(at: join)
        viewer.play(stream.group(910..<1500), until: milliseconds(3000))
        #expect(viewer.runs == [1000..<1500])
        #expect(viewer.report.burst?.outcome == .noAnswer && viewer.report.burst?.duration == 500)
        #expect(viewer.report.isClean)
    }

    @Test func `a refusal leaves the group to itself at once`() {
        var viewer = Viewer(at: join)
        viewer.play(
            [(join + .milliseconds(30), .burstEnds)] + stream.group(910..<1010), until: milliseconds(2200))
        #expect(viewer.runs == [1000..<1010])
        #expect(viewer.report.burst?.outcome == .noAnswer && viewer.report.burst?.duration == 30)
    }

    @Test func `a burst that breaks off leaves a gap and the stream goes on`() {
        var viewer = Viewer(at: join)
        viewer.play(
            stream.burst(750..<790, at: join + .milliseconds(8))
                + [(join + .milliseconds(40), .burstEnds)] + stream.group(910..<1500), until: milliseconds(3000))
        #expect(viewer.runs == [750..<790, 910..<1500])
        #expect(viewer.report.burst?.outcome == .ended)
        #expect(viewer.report.continuityErrors == 1)
    }

    @Test func `a burst that falls silent is given up after its time limit`() {
        var viewer = Viewer(at: join)
        viewer.play(
            stream.burst(750..<790, at: join + .milliseconds(8)) + stream.group(910..<1500), until: milliseconds(3000))
        #expect(viewer.runs == [750..<790, 910..<1500])
        #expect(viewer.report.burst?.outcome == .stalled)
        #expect((500...530).contains(viewer.report.burst?.duration ?? 0))
    }

    @Test func `a burst slower than the stream is overtaken when the window is full`() {
        var viewer = Viewer(at: join, burstWindow: 600)
        let slow: [(at: Instant, what: Viewer.Arrival)] = (750..<1500).enumerated().map { count, index in
            (join + .milliseconds(Int64(count) * 20), .burst(stream.packet(index)))
        }
        viewer.play(slow + stream.group(910..<2000), until: milliseconds(5000))
        #expect(viewer.report.burst?.outcome == .overtaken)
        let output = viewer.indices
        #expect(output.first == 750 && output.last == 1999 && output == output.sorted())
        #expect(Set(output).count == output.count)
    }

    @Test func `a burst of another sender than the group's is not mixed in`() {
        var viewer = Viewer(at: join)
        let other = Stream(first: 300, ssrc: 8)
        viewer.play(
            stream.group(910..<1500) + other.burst(750..<1500, at: join + .milliseconds(40)),
            until: milliseconds(3000))
        #expect(viewer.runs == [1000..<1500])
        #expect(viewer.report.burst?.outcome == .otherSender)
    }

    @Test func `a group that follows another sender than the burst is shown from where it begins`() {
        var viewer = Viewer(at: join)
        let other = Stream(first: 300, ssrc: 8)
        viewer.play(
            other.burst(750..<900, at: join + .milliseconds(5)) + stream.group(930..<1500), until: milliseconds(3000))
        #expect(viewer.runs == [750..<900, 930..<1500])
        #expect(viewer.report.burst?.outcome == .otherSender)
    }

    @Test(arguments: [-20_000, -1500, 1500, 20_000])
    func `a burst whose numbers lie far from the group's is not followed`(_ shift: Int) {
        var viewer = Viewer(at: join, burstWindow: 1024)
        let other = Stream(first: stream.first + shift)
        viewer.play(
            stream.group(910..<1500) + other.burst(750..<1500, at: join + .milliseconds(40)),
            until: milliseconds(3000))
        #expect(viewer.runs == [1000..<1500])
        #expect(viewer.report.burst?.outcome == (shift > 0 ? .brokenNumbering : .overtaken))
    }

    @Test func `a group far behind what the burst has shown is followed all the same`() {
        var viewer = Viewer(at: join)
        let other = Stream(first: stream.first + 9000)
        viewer.play(
            other.burst(750..<900, at: join + .milliseconds(5)) + stream.group(930..<1500), until: milliseconds(3000))
        #expect(viewer.runs == [750..<900, 930..<1500])
        #expect(viewer.report.burst?.outcome == .brokenNumbering)
    }

    @Test func `a jump inside the burst ends it`() {
        var viewer = Viewer(at: join)
        let jump: [(at: Instant, what: Viewer.Arrival)] = [(join + .milliseconds(12), .burst(stream.packet(9000)))]
        viewer.play(
            stream.burst(750..<760, at: join + .milliseconds(8)) + jump + stream.group(910..<1500),
            until: milliseconds(3000))
        #expect(viewer.runs == [750..<760, 910..<1500])
        #expect(viewer.report.burst?.outcome == .brokenNumbering)
    }

    @Test func `without a group the burst alone is shown while it lasts`() {
        var viewer = Viewer(at: join)
        viewer.play(stream.burst(750..<1300, at: join + .milliseconds(8)), until: milliseconds(12_000))
        #expect(viewer.runs == [750..<1300])
        #expect(viewer.report.burst?.outcome == .stalled)
    }

    @Test(arguments: 0..<60)
    func `whatever is lost and delayed at the seam, no packet comes twice or out of order`(_ seed: Int) {
        var chance = SeededGenerator(seed: UInt64(seed))
        let stream = Stream(first: Int.random(in: 0...65_535, using: &chance))
        let firstOfGroup = 900 + Int.random(in: 0...60, using: &chance)
        let loss = Int.random(in: 0...30, using: &chance)
        let lost = Set((firstOfGroup..<1500).filter { _ in Int.random(in: 0..<100, using: &chance) < loss })
        let begin = join + .milliseconds(Int64.random(in: 1...200, using: &chance))
        var arrivals = stream.group(firstOfGroup..<1500, without: lost)
        for index in arrivals.indices {
            arrivals[index].at = arrivals[index].at + .milliseconds(Int64.random(in: 0...8, using: &chance))
        }
        var viewer = Viewer(at: join)
        viewer.play(arrivals + stream.burst(750..<1500, at: begin), until: milliseconds(4000))
        let output = viewer.indices
        #expect(output == output.sorted() && Set(output).count == output.count)
        #expect(viewer.report.burst?.outcome == .handedOver)
        // As long as the burst was taken nothing is missing; later on only what the group lost.
        let missing = Set(750..<1500).subtracting(output)
        #expect(missing.isSubset(of: lost))
        #expect(missing.allSatisfy { $0 >= 750 + viewer.burstTaken })
        #expect(viewer.report.tooLate == 0)
    }

    @Test(arguments: 0..<20)
    func `no packet of a burst traps the client, and none keeps the group from it for long`(_ seed: Int) {
        var chance = SeededGenerator(seed: UInt64(seed))
        var arrivals = stream.group(910..<9000)
        for (at, what) in stream.burst(750..<1500, at: join + .milliseconds(8)) {
            guard case .burst(var bytes) = what else { continue }
            if Int.random(in: 0..<40, using: &chance) == 0 {
                bytes[Int.random(in: 0..<16, using: &chance)] = UInt8.random(in: .min ... .max, using: &chance)
            }
            arrivals.append((at, .burst(bytes)))
        }
        var viewer = Viewer(at: join)
        viewer.play(arrivals, until: milliseconds(20_000))
        #expect(viewer.report.packets == 8090)
        #expect(viewer.runs.last?.upperBound == 9000 && viewer.output.count >= 7500 * 1316)
    }
}
