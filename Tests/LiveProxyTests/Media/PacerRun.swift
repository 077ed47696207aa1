import Clockwork
import LiveProxy
import MPEGTS
import MediaFixtures
import RTP

/// A sender in virtual time: takes each train when it is due, or some time later.
struct PacerRun {
    struct Sent {
        let at: Instant
        let departure: Instant
        let train: Int
        let header: RTPHeader
        let packets: [TakenPacket]
        var clock: Int64? { packets.lazy.compactMap(\.clock).first }
    }

    var pacer: RenditionPacer
    var now: Instant
    /// How late the sender wakes up.
    var latency: (Instant) -> Duration = { _ in .zero }
    private(set) var sent: [Sent] = []
    private(set) var trains: [PacketTrain] = []
    private(set) var wakeUps = 0

    init(
        continuing state: RenditionState = RenditionState(ssrc: 8, sequence: 65_000, timestampOffset: 77),
        configuration: RenditionPacer.Configuration = .init(), at now: Instant = seconds(1000)
    ) {
        pacer = RenditionPacer(continuing: state, configuration: configuration)
        self.now = now
    }

    mutating func append(_ bytes: [UInt8], isDiscontinuous: Bool = false, missingBefore: Duration = .zero) throws {
        pacer.append(
            try TransportSegment(
                scanning: bytes, duration: .seconds(1), isDiscontinuous: isDiscontinuous, missingBefore: missingBefore),
            now: now)
    }

    mutating func run(until end: Instant) {
        while let deadline = pacer.deadline, deadline <= end {
            now = max(now, deadline + latency(deadline))
            wakeUps += 1
            while let train = pacer.takeTrain(now: now) { record(train, at: now) }
        }
        now = max(now, end)
    }

    mutating func finish() {
        for train in pacer.finish(now: now) { record(train, at: now) }
    }

    private mutating func record(_ train: PacketTrain, at now: Instant) {
        trains.append(train)
        let bytes = pacer.withBytes(of: train) { Array($0) }
        for index in 0..<train.packetCount {
            let datagram = Array(bytes[(index * 1328)..<((index + 1) * 1328)])
            guard let header = readHeader(datagram) else { continue }
            let packets = stride(from: 12, to: 1328, by: 188).map {
                TakenPacket(Array(datagram[$0..<($0 + 188)]), time: 0)
            }
            sent.append(
                Sent(
                    at: now, departure: train.departure, train: trains.count - 1, header: header, packets: packets))
        }
    }

    /// All transport packets without padding.
    var stream: [TakenPacket] { sent.flatMap(\.packets).filter { $0.pid != TransportPacket.nullPID } }
}

private func readHeader(_ datagram: [UInt8]) -> RTPHeader? {
    guard let packet = try? RTPPacket(decoding: datagram.span.bytes) else { return nil }
    return packet.header
}

func seconds(_ value: Double) -> Instant { Instant(nanoseconds: Int64(value * 1e9)) }
