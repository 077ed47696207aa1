import Clockwork
import RTP

/// Why a matrix cannot be used (SMPTE ST 2022-1 §8).
package enum FECMatrixError: Error, Hashable, Sendable, CustomStringConvertible {
    case columns(Int)
    case rows(Int)
    case tooManyPackets(Int)
    /// Row packets over fewer than four columns would cost more than they mend.
    case tooNarrowForRows(Int)

    package var description: String {
        switch self {
        case .columns(let count): "\(count) columns; there may be \(FECMatrix.columnRange)"
        case .rows(let count): "\(count) rows; there may be \(FECMatrix.rowRange)"
        case .tooManyPackets(let count): "a block of \(count) packets; there may be \(FECMatrix.maximumPackets)"
        case .tooNarrowForRows(let count):
            "row packets over \(count) columns; they need \(FECMatrix.leastColumnsWithRows) or more"
        }
    }
}

/// How media packets are arranged for parity: `columns` (L) side by side, `rows` (D) one below the other. A column
/// packet mends one loss among D packets that lie L apart, and so a burst of up to L; a row packet one among L in a row.
package struct FECMatrix: Hashable, Sendable {
    package static let columnRange = 1...20
    package static let rowRange = 4...20
    package static let maximumPackets = 100
    package static let leastColumnsWithRows = 4

    package let columns: Int
    package let rows: Int
    /// Row packets are sent besides column packets.
    package let isTwoDimensional: Bool

    package init(columns: Int, rows: Int, isTwoDimensional: Bool) throws(FECMatrixError) {
        guard Self.columnRange.contains(columns) else { throw .columns(columns) }
        guard Self.rowRange.contains(rows) else { throw .rows(rows) }
        guard columns * rows <= Self.maximumPackets else { throw .tooManyPackets(columns * rows) }
        guard !isTwoDimensional || columns >= Self.leastColumnsWithRows else { throw .tooNarrowForRows(columns) }
        self.columns = columns
        self.rows = rows
        self.isTwoDimensional = isTwoDimensional
    }

    /// Media packets of a block.
    package var packets: Int { columns * rows }

    /// Repair packets of a block.
    package var repairPackets: Int { columns + (isTwoDimensional ? rows : 0) }

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
