import Clockwork
import ControlProtocol
import MediaFixtures
import OTTClient
import RTP
import Repair

/// What a client's core costs that mends a lossy stream; sockets and output left out.
enum ClientLoad {
    private static let packets = 40_000

    /// Cores for a stream of `bitRate` with `loss` of all packets lost.
    static func cores(_ matrix: FECMatrix, bitRate: Int, loss: Double) throws -> Double {
        let sent = stream(matrix, loss: loss)
        var reception = MediaReception(
            configuration: .init(repairing: ForwardErrorCorrection(matrix: matrix, latency: 500)), now: .zero)
        let step = Int64(TransportPayload.size) * 8 * 1_000_000_000 / Int64(bitRate)
        var delivered = 0
        let start = ThreadProcessorTime.now()
        for (number, isRepair, bytes) in sent {
            let now = Instant(nanoseconds: Int64(number) * step)
            if isRepair {
                reception.receiveRepair(bytes.span.bytes, now: now) { delivered += $0.byteCount }
            } else {
                reception.receive(bytes.span.bytes, now: now) { delivered += $0.byteCount }
            }
        }
        let used = (ThreadProcessorTime.now() - start) / 1e9
        let report = reception.report(now: Instant(nanoseconds: Int64(packets) * step))
        guard report.mendedByFEC > UInt64(Double(packets) * loss / 2) else {
            throw BenchFailure("only \(report.mendedByFEC) were mended")
        }
        return used / (Double(Int64(packets) * step) / 1e9)
    }

    private static func stream(_ matrix: FECMatrix, loss: Double) -> [(Int, Bool, [UInt8])] {
        var chance = SeededGenerator(seed: 4)
        func survives() -> Bool { Double(chance.next() >> 11) / Double(1 << 53) >= loss }
        var source = StreamGenerator()
        source.packetsPerReference = packets * TransportPayload.packetsPerDatagram
        let media = source.segment(references: 1)
        var encoder = FECEncoder(matrix: matrix, firstSequence: 0)
        var sent: [(Int, Bool, [UInt8])] = []
        for number in 0..<packets {
            var datagram = [UInt8](repeating: 0, count: TransportPayload.datagramSize)
            RTPHeader(
                payloadType: 33, sequence: UInt16(truncatingIfNeeded: number), timestamp: UInt32(number), ssrc: 2
            ).write(into: &datagram, at: 0)
            datagram.replaceSubrange(
                12..., with: media[(number * TransportPayload.size)..<((number + 1) * TransportPayload.size)])
            datagram.withUnsafeBytes { encoder.protect($0) }
            if survives() { sent.append((number, false, datagram)) }
            for direction in FECDirection.allCases {
                let due = encoder.withDue(direction) { [UInt8]($0) }
                for start in stride(from: 0, to: due.count, by: encoder.packetSize) where survives() {
                    sent.append((number, true, Array(due[start..<(start + encoder.packetSize)])))
                }
                encoder.markSent(direction)
            }
        }
        return sent
    }
}
