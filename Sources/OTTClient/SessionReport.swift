import Clockwork
import MPEGTS
import RTP
import Repair

/// What a session has received so far; printed every second and, as JSON, at its end. Times are milliseconds.
package struct SessionReport: Hashable, Sendable, Codable {
    package static let schemaName = "mrp.session/1"

    package var schema = SessionReport.schemaName
    package var duration: Int64
    /// From the join to the first packet; absent when none came.
    package var firstPacketDelay: Int64?
    /// From the join to the first place where a decoder can begin; absent when none was found.
    package var firstPictureDelay: Int64?
    /// How a fast channel change went; absent when none was asked for.
    package var burst: BurstReport?
    /// Since the last packet; absent when none came.
    package var silence: Int64?
    /// RTP packets without duplicates.
    package var packets: UInt64
    /// Packets that stayed lost, in spite of repair.
    package var lost: UInt64
    /// Lost packets that forward error correction brought back.
    package var mendedByFEC: UInt64
    /// Repair packets; zeros where none are received.
    package var fec: FECDecoder.Counters
    package var reordered: UInt64
    package var duplicates: UInt64
    /// Arrived too late to be passed on.
    package var tooLate: UInt64
    /// Of another sender than the one followed.
    package var foreign: UInt64
    /// Times the sender's numbering began anew.
    package var restarts: UInt64
    /// Datagrams that are no MPEG-TS in RTP.
    package var refused: DatagramRefusals
    /// Interarrival jitter (RFC 3550 §6.4.1), microseconds.
    package var jitterMicroseconds: Int64
    /// Payload of UDP.
    package var bytes: UInt64
    /// Of the transport stream, as passed on.
    package var deliveredBytes: UInt64
    /// Transport packets before the first at which a decoder can begin; they were not passed on.
    package var skippedPackets: UInt64
    /// No such packet came in time, and the stream was passed on all the same.
    package var startedAnywhere: Bool
    package var continuityErrors: UInt64
    package var announcedDiscontinuities: UInt64
    package var syncLosses: UInt64
    package var transportErrors: UInt64

    /// Whether the stream came and arrived whole.
    package var isClean: Bool { packets > 0 && lost == 0 && continuityErrors == 0 && syncLosses == 0 }
}

extension MediaReception {
    package func report(now: Instant) -> SessionReport {
        let counters = statistics.counters
        let stream = delivered.checker.counters
        return SessionReport(
            duration: (now - started).milliseconds, firstPacketDelay: firstPacket.map { ($0 - started).milliseconds },
            firstPictureDelay: delivered.start.firstPicture.map { ($0 - started).milliseconds },
            burst: handover?.report,
            silence: lastPacket.map { (now - $0).milliseconds }, packets: counters.packets, lost: statistics.lost,
            mendedByFEC: counters.mended, fec: fec?.counters ?? FECDecoder.Counters(), reordered: counters.reordered,
            duplicates: counters.duplicates,
            tooLate: counters.tooLate &+ reordering.counters.tooLate, foreign: counters.foreign,
            restarts: counters.restarts, refused: refusals, jitterMicroseconds: statistics.jitter.nanoseconds / 1000,
            bytes: bytes, deliveredBytes: delivered.bytes, skippedPackets: delivered.start.skippedPackets,
            startedAnywhere: delivered.start.hasTimedOut, continuityErrors: stream.continuityErrors,
            announcedDiscontinuities: stream.announcedDiscontinuities, syncLosses: stream.syncLosses,
            transportErrors: stream.transportErrors)
    }
}

extension SessionReport {
    /// One line for people about the time since `earlier`: its rate, and the totals that matter.
    package func liveLine(since earlier: SessionReport?) -> String {
        let elapsed = duration - (earlier?.duration ?? 0)
        let received = bytes - min(bytes, earlier?.bytes ?? 0)
        let bitsPerSecond = elapsed > 0 ? Double(received) * 8000 / Double(elapsed) : 0
        guard packets > 0 else { return "\(Self.decimal(Double(duration) / 1000)) s  nothing received yet" }
        var line = "\(Self.decimal(Double(duration) / 1000)) s  \(Self.decimal(bitsPerSecond / 1e6)) Mbit/s"
        line += "  packets \(packets)  lost \(lost)  reordered \(reordered)  duplicates \(duplicates)"
        if fec.repairPackets > 0 { line += "  mended by FEC \(mendedByFEC)" }
        line += "  continuity errors \(continuityErrors)"
        line += "  jitter \(Self.decimal(Double(jitterMicroseconds) / 1000)) ms"
        if let silence, silence >= 1000 { line += "  silent for \(Self.decimal(Double(silence) / 1000)) s" }
        return line
    }

    /// Two decimals, as people read them.
    private static func decimal(_ value: Double) -> String {
        let hundredths = Int64((min(max(value, -1e15), 1e15) * 100).rounded())
        let (whole, rest) = abs(hundredths).quotientAndRemainder(dividingBy: 100)
        return "\(hundredths < 0 ? "-" : "")\(whole).\(rest < 10 ? "0" : "")\(rest)"
    }
}
