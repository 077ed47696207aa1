import Clockwork
import ControlProtocol
import RTP
import Repair

/// A media stream of random payloads and its repair packets, in the order in which they are sent.
struct Stream {
    enum Packet {
        case media(Int64, [UInt8])
        case repair(FECDirection, [UInt8])
    }

    var packets: [Packet] = []
    private(set) var media: [Int64: [UInt8]] = [:]

    /// Sequence numbers begin with `first`, whose lowest 16 bits are sent.
    init(
        _ matrix: FECMatrix, count: Int, first: Int64 = 65_500, payloadSize: Int = 1316, seed: UInt64 = 1,
        vary: Bool = false
    ) {
        var chance = SeededGenerator(seed: seed)
        var encoder = FECEncoder(matrix: matrix, firstSequence: 7, payloadSize: payloadSize)
        for index in 0..<count {
            let sequence = first + Int64(index)
            let size = vary ? Int.random(in: 1...payloadSize, using: &chance) : payloadSize
            var datagram = [UInt8](repeating: 0, count: RTPHeader.size + size)
            RTPHeader(
                marker: vary && index % 3 == 0, payloadType: vary ? UInt8(33 + index % 5) : 33,
                sequence: UInt16(truncatingIfNeeded: sequence),
                timestamp: UInt32.random(in: .min ... .max, using: &chance), ssrc: 0xCAFE
            ).write(into: &datagram, at: 0)
            for byte in RTPHeader.size..<datagram.count {
                datagram[byte] = UInt8.random(in: .min ... .max, using: &chance)
            }
            media[sequence] = datagram
            if encoder.mustSend { collect(&encoder) }
            datagram.withUnsafeBytes { encoder.protect($0) }
            packets.append(.media(sequence, datagram))
            collect(&encoder)
        }
    }

    private mutating func collect(_ encoder: inout FECEncoder) {
        let size = encoder.packetSize
        for direction in FECDirection.allCases where encoder.dueCount(direction) > 0 {
            let due = encoder.withDue(direction) { [UInt8]($0) }
            for start in stride(from: 0, to: due.count, by: size) {
                packets.append(.repair(direction, Array(due[start..<(start + size)])))
            }
            encoder.markSent(direction)
        }
    }

    var repairs: [(direction: FECDirection, bytes: [UInt8])] {
        packets.compactMap { if case .repair(let direction, let bytes) = $0 { (direction, bytes) } else { nil } }
    }
}

/// A decoder and what it mended.
struct Mender {
    var decoder: FECDecoder
    var mended: [Int64: [UInt8]] = [:]
    var refused: [FECPacketError] = []

    init(_ configuration: FECDecoder.Configuration = .init()) { decoder = FECDecoder(configuration: configuration) }

    mutating func take(_ packet: Stream.Packet) {
        switch packet {
        case .media(let sequence, let bytes): media(sequence, bytes)
        case .repair(_, let bytes): repair(bytes)
        }
    }

    mutating func media(_ sequence: Int64, _ bytes: [UInt8]) {
        var out: [(Int64, [UInt8])] = []
        decoder.receive(media: bytes.span.bytes, sequence: sequence) { sequence, packet in
            out.append((sequence, packet.withUnsafeBytes { [UInt8]($0) }))
        }
        for (sequence, bytes) in out { mended[sequence] = bytes }
    }

    mutating func repair(_ bytes: [UInt8]) {
        var out: [(Int64, [UInt8])] = []
        do throws(FECPacketError) {
            try decoder.receive(repair: bytes.span.bytes) { sequence, packet in
                out.append((sequence, packet.withUnsafeBytes { [UInt8]($0) }))
            }
        } catch {
            refused.append(error)
        }
        for (sequence, bytes) in out { mended[sequence] = bytes }
    }
}

func matrix(_ columns: Int, _ rows: Int, twoDimensional: Bool = true) throws -> FECMatrix {
    try FECMatrix(columns: columns, rows: rows, isTwoDimensional: twoDimensional)
}
