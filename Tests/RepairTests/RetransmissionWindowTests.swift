import Clockwork
import RTP
import Repair
import Testing

private let start = Instant(nanoseconds: 5_000_000_000)

/// Datagrams of one stream as its sender stores them.
private func train(_ sequences: ClosedRange<Int>) -> [UInt8] {
    sequences.flatMap { sequence in
        var bytes = [UInt8](repeating: UInt8(truncatingIfNeeded: sequence), count: TransportPayload.datagramSize)
        RTPHeader(
            payloadType: 33, sequence: UInt16(truncatingIfNeeded: sequence), timestamp: UInt32(sequence), ssrc: 0xBEEF
        ).write(into: &bytes, at: 0)
        return bytes
    }
}

@Suite struct RetransmissionWindowTests {
    private func window(bytes: Int = 100 * TransportPayload.datagramSize) -> RetransmissionWindow {
        RetransmissionWindow(duration: .seconds(1), bitRate: 50_000_000, maximumBytes: bytes)
    }

    private func lookUp(
        _ window: RetransmissionWindow, _ sequence: Int, at now: Instant = start
    ) -> (result: RetransmissionWindow.LookUp, bytes: [UInt8]) {
        var buffer = [UInt8](repeating: 0, count: RetransmissionPayload.datagramSize)
        let result = buffer.withUnsafeMutableBytes {
            window.write(UInt16(truncatingIfNeeded: sequence), now: now, into: $0)
        }
        return (result, buffer)
    }

    @Test func `packets are found by number over the wrap of the numbering`() throws {
        var window = window()
        for first in stride(from: 65_400, to: 65_700, by: 10) {
            train(first...(first + 9)).withUnsafeBytes { window.store($0, now: start) }
        }
        #expect(window.capacity == 100)
        for sequence in 65_600...65_699 {
            let (result, bytes) = lookUp(window, sequence)
            #expect(result == .written(RetransmissionPayload.datagramSize))
            let packet = try RetransmittedPacket(decoding: bytes.span.bytes)
            let (original, first) = (packet.original, packet.payload.withUnsafeBytes { $0[0] })
            #expect(original.sequence == UInt16(truncatingIfNeeded: sequence))
            #expect(original.timestamp == UInt32(sequence) && original.ssrc == 0xBEEF)
            #expect(first == UInt8(truncatingIfNeeded: sequence))
        }
        #expect(lookUp(window, 65_599).result == .gone)
        #expect(lookUp(window, 65_700).result == .notSent)
    }

    @Test func `a packet older than the window is not sent again`() {
        var window = window()
        train(1...5).withUnsafeBytes { window.store($0, now: start) }
        #expect(lookUp(window, 3, at: start + .seconds(1)).result != .gone)
        #expect(lookUp(window, 3, at: start + .milliseconds(1001)).result == .gone)
        #expect(lookUp(self.window(), 3).result == .gone)
    }

    @Test func `the window holds what its time or its bytes allow`() {
        func capacity(_ seconds: Int, _ bitRate: Int, _ bytes: Int) -> Int {
            RetransmissionWindow(duration: .seconds(seconds), bitRate: bitRate, maximumBytes: bytes).capacity
        }
        // Two seconds of 5 Mbit/s and half as much again.
        #expect(capacity(2, 5_000_000, .max) == 1424)
        #expect(capacity(2, 5_000_000, 1_000_000) == 1_000_000 / 1328)
        #expect(capacity(2, 0, 0) == 64)
        #expect(capacity(60, .max, .max) == 32_768)
    }

    @Test func `a stream that jumps leaves nothing of before`() {
        var window = window()
        train(1...50).withUnsafeBytes { window.store($0, now: start) }
        train(20_000...20_010).withUnsafeBytes { window.store($0, now: start) }
        #expect(lookUp(window, 20_005).result == .written(RetransmissionPayload.datagramSize))
        #expect(lookUp(window, 19_999).result == .gone)
        // Its number is a hundred places from one that was stored.
        #expect(lookUp(window, 19_950).result == .gone)
    }
}
