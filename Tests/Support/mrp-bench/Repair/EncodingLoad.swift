import Clockwork
import ControlProtocol
import Foundation
import RTP
import Repair

/// What parity costs by itself: processor time of this thread.
enum EncodingLoad {
    private static let renditions = 40
    private static let ringPackets = 256
    private static let train = 3

    /// Seconds a gigabit of media for making the repair packets of a proxy's renditions, by turns as trains leave.
    static func secondsPerGigabit(_ matrix: FECMatrix) -> Double {
        var encoders = (0..<renditions).map { _ in FECEncoder(matrix: matrix, firstSequence: 0) }
        var rings = (0..<renditions).map { _ in ring() }
        var sequence: UInt16 = 0
        var packets = 0
        let start = ThreadProcessorTime.now()
        while ThreadProcessorTime.now() - start < 1e9 {
            for index in encoders.indices {
                protect(&encoders[index], &rings[index], from: sequence)
                packets += train
            }
            sequence &+= UInt16(train)
        }
        let seconds = (ThreadProcessorTime.now() - start) / 1e9
        return seconds / (Double(packets * TransportPayload.datagramSize) * 8 / 1e9)
    }

    private static func ring() -> [UInt8] {
        (0..<(ringPackets * TransportPayload.datagramSize)).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    }

    private static func protect(_ encoder: inout FECEncoder, _ ring: inout [UInt8], from sequence: UInt16) {
        let size = TransportPayload.datagramSize
        for number in 0..<UInt16(train) {
            let offset = Int(sequence &+ number) % ringPackets * size
            RTPHeader(payloadType: 33, sequence: sequence &+ number, timestamp: 0, ssrc: 2).write(
                into: &ring, at: offset)
            ring.withUnsafeBytes { encoder.protect(UnsafeRawBufferPointer(rebasing: $0[offset..<(offset + size)])) }
        }
        for direction in FECDirection.allCases { encoder.markSent(direction) }
    }

    /// Payload bytes combined a second by the kernel alone.
    static func bytesCombinedPerSecond() -> Double {
        let size = TransportPayload.datagramSize
        let ring = ring()
        var parity = [UInt8](repeating: 0, count: TransportPayload.size)
        var bytes = 0
        let start = ThreadProcessorTime.now()
        while ThreadProcessorTime.now() - start < 1e9 {
            ring.withUnsafeBytes { ring in
                parity.withUnsafeMutableBytes { parity in
                    for offset in stride(from: RTPHeader.size, to: ring.count, by: size) {
                        let payload = ring[offset..<(offset + TransportPayload.size)]
                        ExclusiveOr.merge(UnsafeRawBufferPointer(rebasing: payload), into: parity)
                    }
                }
            }
            bytes += ringPackets * TransportPayload.size
        }
        let seconds = (ThreadProcessorTime.now() - start) / 1e9
        // Read, so that nothing above may be left out.
        return parity.reduce(0, ^) == 1 ? Double(bytes) / seconds.nextUp : Double(bytes) / seconds
    }
}
