import Clockwork
import ControlProtocol
import RTP

extension FECMatrix {
    /// How many media packets after a lost one the last packet that may mend it has been sent: its block, and the
    /// next one over which the block's column packets are spread.
    package var repairSpan: Int { 2 * packets }

    /// How long `repairSpan` takes at `bitRate`, the transport stream's bits a second.
    package func repairDelay(bitRate: Int) -> Duration {
        Self.duration(packets: repairSpan, bitRate: max(1, bitRate))
    }

    /// The matrix that mends best within `latency` at `bitRate`: both dimensions with the least overhead where sixteen
    /// packets fit, columns alone below that, nil where not even four do.
    package static func fitting(bitRate: Int, latency: Duration) -> FECMatrix? {
        let perPacket = duration(packets: 1, bitRate: max(1, bitRate)).nanoseconds
        let room = Int(clamping: latency.nanoseconds / max(1, perPacket)) / 2
        return square(within: min(room, maximumPackets)) ?? columnsAlone(within: room)
    }

    private static func square(within room: Int) -> FECMatrix? {
        var best: FECMatrix?
        for rows in rowRange {
            // At least as wide as high: bursts are the commoner loss.
            let columns = min(room / rows, columnRange.upperBound)
            guard columns >= rows, let matrix = try? FECMatrix(columns: columns, rows: rows, isTwoDimensional: true)
            else { continue }
            if best.map({ matrix.costs(lessThan: $0) }) ?? true { best = matrix }
        }
        return best
    }

    /// Compares repair packets per media packet, exactly.
    private func costs(lessThan other: FECMatrix) -> Bool {
        repairPackets * other.packets < other.repairPackets * packets
    }

    private static func columnsAlone(within room: Int) -> FECMatrix? {
        let rows = rowRange.lowerBound
        let columns = min(room / rows, columnRange.upperBound)
        return try? FECMatrix(columns: columns, rows: rows, isTwoDimensional: false)
    }

    private static func duration(packets: Int, bitRate: Int) -> Duration {
        let bits = Int64(packets) * Int64(TransportPayload.size) * 8
        return .nanoseconds(bits * 1_000_000_000 / Int64(bitRate))
    }
}
