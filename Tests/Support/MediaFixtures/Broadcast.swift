import Clockwork
import MPEGTS
import RTP

/// A stream as a proxy multicasts it: frames of 40 ms, a random-access point every so many, RTP on the calendar's clock.
package struct Broadcast {
    package var source = StreamGenerator()
    package var framesPerAccess = 25
    /// Right before each random-access point, or else only elsewhere.
    package var tablesBeforeAccess = true
    /// Packets of sound between the tables and the picture.
    package var soundAfterTables = 0
    package var packetsPerFrame = 20
    package private(set) var frame = 0
    private var pending: [UInt8] = []
    package private(set) var sequence: Int64 = 65_530
    /// Ticks of 90 kHz since 1970.
    package var clock: Int64

    package init(beginning: UnixTime = UnixTime(milliseconds: 1_790_000_000_123)) {
        clock = beginning.milliseconds * 90
    }

    package struct Datagram {
        package var payload: [UInt8]
        package var header: RTPHeader
        package var sequence: Int64
        /// What the calendar says when it arrives.
        package var arrival: UnixTime

        /// As it is on the wire.
        package var bytes: [UInt8] {
            var bytes = [UInt8](repeating: 0, count: RTPHeader.size)
            header.write(into: &bytes, at: 0)
            return bytes + payload
        }
    }

    /// The next frame's whole datagrams.
    package mutating func next(isDiscontinuous: Bool = false) -> [Datagram] {
        if hasTables {
            pending += source.tables()
            for _ in 0..<soundAfterTables { pending += source.packet(pid: StreamGenerator.audioPID) }
        }
        var first = source.packet(pid: StreamGenerator.videoPID, clock: source.clock, startsUnit: true)
        if frame % framesPerAccess == 0 || isDiscontinuous { first[5] |= 0x40 }
        if isDiscontinuous { first[5] |= 0x80 }
        pending += first
        for index in 1..<packetsPerFrame {
            pending += source.packet(pid: index % 7 == 0 ? StreamGenerator.audioPID : StreamGenerator.videoPID)
        }
        var datagrams: [Datagram] = []
        while pending.count >= TransportPayload.size {
            datagrams.append(datagram(Array(pending.prefix(TransportPayload.size))))
            pending.removeFirst(TransportPayload.size)
        }
        frame += 1
        clock += 3600
        source.clock = (source.clock + 1_080_000) % ProgramClockReference.modulus
        return datagrams
    }

    private var hasTables: Bool {
        if frame == 0 { return true }
        return tablesBeforeAccess ? frame % framesPerAccess == 0 : frame % framesPerAccess != 0 && frame % 3 == 1
    }

    private mutating func datagram(_ payload: [UInt8]) -> Datagram {
        defer { sequence += 1 }
        let header = RTPHeader(
            payloadType: 33, sequence: UInt16(truncatingIfNeeded: sequence),
            timestamp: UInt32(truncatingIfNeeded: clock), ssrc: 8)
        return Datagram(
            payload: payload, header: header, sequence: sequence, arrival: UnixTime(milliseconds: clock / 90))
    }
}
