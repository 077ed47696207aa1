import MPEGTS
import MediaFixtures

extension TransportStreamConditioner {
    mutating func drain(extrapolating: Bool = false) -> [TakenPacket] {
        var buffer = [UInt8](repeating: 0, count: 188)
        var taken: [TakenPacket] = []
        while let packet = next(into: &buffer, at: 0, extrapolating: extrapolating) {
            taken.append(TakenPacket(buffer, time: packet.time))
        }
        return taken
    }

    mutating func take(
        _ bytes: [UInt8], duration: Duration = .seconds(1), isDiscontinuous: Bool = false,
        missingBefore: Duration = .zero
    ) throws {
        append(
            try TransportSegment(
                scanning: bytes, duration: duration, isDiscontinuous: isDiscontinuous, missingBefore: missingBefore))
    }
}
