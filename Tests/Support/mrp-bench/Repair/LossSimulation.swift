import Clockwork
import ControlProtocol
import RTP
import Repair

/// Media and repair packets through the proxy's encoder, a line that loses, and the client's decoder: what stays lost.
///
/// Payloads are short, since what is mended does not depend on their length; every mended one is compared with what was
/// sent.
struct LossSimulation {
    enum Line {
        /// Each packet by itself.
        case random(Double)
        /// `rate` of all packets, in runs of `length`.
        case bursts(rate: Double, length: Int)
    }

    struct Outcome {
        var packets = 0
        var lost = 0
        var stayedLost = 0
        /// Mended packets that were not what was sent.
        var wrong = 0

        var residual: Double { Double(stayedLost) / Double(packets) }
    }

    private static let payloadSize = 16

    private let line: Line
    private var chance: SeededGenerator
    private var burst = 0
    private var encoder: FECEncoder
    private var decoder: FECDecoder
    private var outcome = Outcome()

    init(_ matrix: FECMatrix, over line: Line, seed: UInt64) {
        self.line = line
        chance = SeededGenerator(seed: seed)
        encoder = FECEncoder(matrix: matrix, firstSequence: 0, payloadSize: Self.payloadSize)
        var configuration = FECDecoder.Configuration()
        configuration.payloadSize = Self.payloadSize
        decoder = FECDecoder(configuration: configuration)
    }

    /// Sends `count` packets and as many blocks more as their repair packets need.
    mutating func run(packets count: Int) -> Outcome {
        var datagram = [UInt8](repeating: 0, count: RTPHeader.size + Self.payloadSize)
        outcome.packets = count
        for number in 0..<(count + encoder.matrix.repairSpan) {
            let sequence = Int64(number)
            Self.write(sequence, into: &datagram)
            datagram.withUnsafeBytes { encoder.protect($0) }
            let isLost = loses() && number < count && number > 0
            if isLost { outcome.lost += 1 } else { receive(datagram, sequence) }
            for direction in FECDirection.allCases where encoder.dueCount(direction) > 0 { receiveDue(direction) }
        }
        outcome.stayedLost = outcome.lost - Int(decoder.counters.mended)
        return outcome
    }

    private mutating func receive(_ datagram: [UInt8], _ sequence: Int64) {
        var wrong = 0
        decoder.receive(media: datagram.span.bytes, sequence: sequence) { sequence, packet in
            if !Self.isSound(packet, sequence) { wrong += 1 }
        }
        outcome.wrong += wrong
    }

    private mutating func receiveDue(_ direction: FECDirection) {
        let size = encoder.packetSize
        for index in 0..<encoder.dueCount(direction) where !loses() {
            var wrong = 0
            encoder.withDue(direction) { due in
                let packet = UnsafeRawBufferPointer(rebasing: due[(index * size)..<((index + 1) * size)])
                // Of our own encoder: never malformed.
                try? decoder.receive(repair: packet.bytes) { sequence, packet in
                    if !Self.isSound(packet, sequence) { wrong += 1 }
                }
            }
            outcome.wrong += wrong
        }
        encoder.markSent(direction)
    }

    private mutating func loses() -> Bool {
        if burst > 0 {
            burst -= 1
            return true
        }
        switch line {
        case .random(let rate): return draw() < rate
        case .bursts(let rate, let length):
            // So many begin that `rate` of all packets fall into one.
            guard draw() < rate / (Double(length) * (1 - rate)) else { return false }
            burst = length - 1
            return true
        }
    }

    private mutating func draw() -> Double { Double(chance.next() >> 11) / Double(1 << 53) }

    private static func write(_ sequence: Int64, into datagram: inout [UInt8]) {
        RTPHeader(
            payloadType: TransportPayload.payloadType, sequence: UInt16(truncatingIfNeeded: sequence),
            timestamp: UInt32(truncatingIfNeeded: sequence &* 190), ssrc: 2
        ).write(into: &datagram, at: 0)
        for index in 0..<payloadSize { datagram[RTPHeader.size + index] = byte(index, of: sequence) }
    }

    private static func byte(_ index: Int, of sequence: Int64) -> UInt8 {
        UInt8(truncatingIfNeeded: (UInt64(sequence) &* 0x9E37_79B9_7F4A_7C15) >> UInt64(index % 8 * 8)) &+ UInt8(index)
    }

    private static func isSound(_ packet: RawSpan, _ sequence: Int64) -> Bool {
        guard let parsed = try? RTPPacket(decoding: packet), parsed.payload.byteCount == payloadSize,
            parsed.header.timestamp == UInt32(truncatingIfNeeded: sequence &* 190),
            parsed.header.payloadType == TransportPayload.payloadType
        else { return false }
        return parsed.payload.withUnsafeBytes { bytes in
            bytes.indices.allSatisfy { bytes[$0] == byte($0, of: sequence) }
        }
    }
}
