import Clockwork
import Wire

/// What a sender tells of its stream (RFC 3550 §6.4.1).
package struct SenderReport: Hashable, Sendable {
    package var ssrc: UInt32
    /// The moment the report is for, in NTP's format: seconds since 1900 and their 2^32nd parts.
    package var moment: UInt64
    /// The same moment in the stream's units.
    package var timestamp: UInt32
    /// RTP packets since the stream began.
    package var packets: UInt32
    /// Bytes of payload in them.
    package var octets: UInt32

    package init(ssrc: UInt32, moment: UInt64, timestamp: UInt32, packets: UInt32, octets: UInt32) {
        self.ssrc = ssrc
        self.moment = moment
        self.timestamp = timestamp
        self.packets = packets
        self.octets = octets
    }

    /// A moment of the calendar in NTP's format; wraps in 2036 as NTP does.
    package static func moment(_ time: UnixTime) -> UInt64 {
        let (seconds, rest) = time.milliseconds.quotientAndRemainder(dividingBy: 1000)
        let since1900 = UInt32(truncatingIfNeeded: seconds &+ 2_208_988_800)
        return UInt64(since1900) << 32 | UInt64(UInt32(truncatingIfNeeded: max(0, rest) << 32 / 1000))
    }
}

/// What a receiver tells of one sender's stream (RFC 3550 §6.4.1).
package struct ReceptionReport: Hashable, Sendable {
    static let size = 24
    private static let lossRange: ClosedRange<Int32> = -0x80_0000...0x7F_FFFF

    package var ssrc: UInt32
    /// Since the last report, in 256ths.
    package var fractionLost: UInt8
    /// Within 24 bits; negative when duplicates were more than losses.
    package var cumulativeLost: Int32
    /// How often the numbers wrapped 16, the highest heard 16.
    package var highestSequence: UInt32
    /// In the stream's units.
    package var jitter: UInt32
    /// The middle 32 bits of the last sender report's moment; zero when none came.
    package var lastSenderReport: UInt32
    /// Since then, in 65,536ths of a second.
    package var delaySinceSenderReport: UInt32

    package init(
        ssrc: UInt32, fractionLost: UInt8 = 0, cumulativeLost: Int32 = 0, highestSequence: UInt32, jitter: UInt32 = 0,
        lastSenderReport: UInt32 = 0, delaySinceSenderReport: UInt32 = 0
    ) {
        self.ssrc = ssrc
        self.fractionLost = fractionLost
        self.cumulativeLost = min(max(cumulativeLost, Self.lossRange.lowerBound), Self.lossRange.upperBound)
        self.highestSequence = highestSequence
        self.jitter = jitter
        self.lastSenderReport = lastSenderReport
        self.delaySinceSenderReport = delaySinceSenderReport
    }

    init(reading reader: inout WireReader) throws(WireError) {
        let ssrc = try reader.readUInt32()
        let loss = try reader.readUInt32()
        self.init(
            ssrc: ssrc, fractionLost: UInt8(loss >> 24), cumulativeLost: Int32(truncatingIfNeeded: loss << 8) >> 8,
            highestSequence: try reader.readUInt32(), jitter: try reader.readUInt32(),
            lastSenderReport: try reader.readUInt32(), delaySinceSenderReport: try reader.readUInt32())
    }

    func write(to writer: inout WireWriter) {
        writer.write(ssrc)
        writer.write(UInt32(fractionLost) << 24 | UInt32(truncatingIfNeeded: cumulativeLost) & 0xFF_FFFF)
        writer.write(highestSequence)
        writer.write(jitter)
        writer.write(lastSenderReport)
        writer.write(delaySinceSenderReport)
    }
}

extension RTCPPacket {
    /// What a sender report says of its sender, without the reception reports that may follow.
    package func senderReport() throws(RTCPError) -> SenderReport {
        guard type == .senderReport else { throw .packetType }
        do {
            var reader = WireReader(body)
            return SenderReport(
                ssrc: try reader.readUInt32(), moment: try reader.readUInt64(), timestamp: try reader.readUInt32(),
                packets: try reader.readUInt32(), octets: try reader.readUInt32())
        } catch {
            throw .badLength
        }
    }

    /// The source of any packet that begins with one.
    package func source() throws(RTCPError) -> UInt32 {
        var reader = WireReader(body)
        guard let ssrc = try? reader.readUInt32() else { throw .badLength }
        return ssrc
    }

    /// The reception reports of a sender's or receiver's report.
    package func receptionReports() throws(RTCPError) -> [ReceptionReport] {
        let start: Int
        switch type {
        case .senderReport: start = 24
        case .receiverReport: start = 4
        default: throw .packetType
        }
        do {
            var reader = WireReader(body)
            try reader.skip(start)
            var reports: [ReceptionReport] = []
            for _ in 0..<count { reports.append(try ReceptionReport(reading: &reader)) }
            return reports
        } catch {
            throw .badLength
        }
    }

    /// The sources of a goodbye (RFC 3550 §6.6).
    package func goodbyes() throws(RTCPError) -> [UInt32] {
        guard type == .goodbye else { throw .packetType }
        do {
            var reader = WireReader(body)
            var sources: [UInt32] = []
            for _ in 0..<count { sources.append(try reader.readUInt32()) }
            return sources
        } catch {
            throw .badLength
        }
    }

    /// The canonical name in the first chunk of a source description (RFC 3550 §6.5.1); nil where it holds none.
    package func canonicalName() throws(RTCPError) -> [UInt8]? {
        guard type == .sourceDescription else { throw .packetType }
        guard count > 0 else { return nil }
        do {
            var reader = WireReader(body)
            try reader.skip(4)
            while true {
                let item = try reader.readUInt8()
                guard item != SourceDescriptionItem.end else { return nil }
                let length = Int(try reader.readUInt8())
                if item == SourceDescriptionItem.canonicalName { return try reader.readBytes(length) }
                try reader.skip(length)
            }
        } catch {
            throw .badLength
        }
    }
}

enum SourceDescriptionItem {
    static let end: UInt8 = 0
    static let canonicalName: UInt8 = 1
}
