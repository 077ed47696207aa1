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
package struct FECMatrix: Codable, Hashable, Sendable {
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

    private enum CodingKeys: String, CodingKey {
        case columns, rows, isTwoDimensional = "twoDimensional"
    }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        try self.init(
            columns: container.decode(Int.self, forKey: .columns), rows: container.decode(Int.self, forKey: .rows),
            isTwoDimensional: container.decode(Bool.self, forKey: .isTwoDimensional))
    }
}

/// A rendition's forward error correction (SMPTE ST 2022-1): column packets on its `columnRepairPort`, row packets on its
/// `rowRepairPort`.
package struct ForwardErrorCorrection: Codable, Hashable, Sendable {
    package var matrix: FECMatrix
    /// Milliseconds for which a receiver should wait for a missing packet to be mended.
    package var latency: Int64

    package init(matrix: FECMatrix, latency: Int64) {
        self.matrix = matrix
        self.latency = latency
    }
}
