import ControlProtocol
import RTP

/// Makes the repair packets of one rendition.
///
///     for packet in train {
///         if encoder.mustSend { … take and send what is due … }
///         encoder.protect(packet)
///     }
///     for direction in FECDirection.allCases {           // after each train
///         if encoder.dueCount(direction) > 0 { encoder.withDue(direction) { send($0, segmentSize: encoder.packetSize) } }
///         encoder.markSent(direction)
///     }
///
/// A row's packet is due when the row is complete. A block's column packets are due one by one during the next block, so
/// that a burst of loss does not take packets and their parity together. What is due lies in one piece, ready to leave as
/// a train. All memory is taken at the start.
package struct FECEncoder: Sendable {
    package struct Counters: Hashable, Sendable, Codable {
        package internal(set) var columnPackets: UInt64 = 0
        package internal(set) var rowPackets: UInt64 = 0
        /// Blocks given up because numbering did not go on.
        package internal(set) var abandonedBlocks: UInt64 = 0

        package init() {}
    }

    /// Row packets that may wait to be sent.
    private static let rowSlots = 16

    package let matrix: FECMatrix
    /// Every repair packet has this size.
    package let packetSize: Int
    package private(set) var counters = Counters()

    private let payloadSize: Int
    /// Two sets of columns: one is filled while the other leaves.
    private var columns: ParitySlots
    private var rows: ParitySlots
    private var sequences: (column: UInt16, row: UInt16)

    /// Which half of `columns` is being filled.
    private var filling = 0
    private var hasLeaving = false
    private var columnsDue = 0
    private var columnsSent = 0
    /// The slot of the row being filled; those before it, from `rowsSent` on, are due.
    private var rowFilling = 0
    private var rowsSent = 0
    /// Of the next media packet in its block.
    private var position = 0
    private var nextSequence: UInt16?

    /// `firstSequence` begins the numbering of both streams; `payloadSize` is the most that follows a media packet's
    /// fixed header.
    package init(matrix: FECMatrix, firstSequence: UInt16, payloadSize: Int = TransportPayload.size) {
        precondition(payloadSize > 0 && payloadSize <= 0xFFFF, "a payload that no datagram holds")
        self.matrix = matrix
        self.payloadSize = payloadSize
        packetSize = FECPacket.overhead + payloadSize
        sequences = (firstSequence, firstSequence)
        columns = ParitySlots(count: 2 * matrix.columns, payloadSize: payloadSize)
        rows = ParitySlots(count: matrix.isTwoDimensional ? Self.rowSlots : 0, payloadSize: payloadSize)
    }

    /// What is due must be taken before the next packet is protected.
    package var mustSend: Bool {
        columnsDue - columnsSent > 0 && position == matrix.packets - 1
            || matrix.isTwoDimensional && rowFilling == Self.rowSlots
    }

    /// How many packets of a stream are due.
    package func dueCount(_ direction: FECDirection) -> Int {
        switch direction {
        case .column: columnsDue - columnsSent
        case .row: rowFilling - rowsSent
        }
    }

    /// The packets that are due, `packetSize` each, one behind the other.
    package func withDue<Result>(
        _ direction: FECDirection, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        switch direction {
        case .column:
            let first = leavingBase + columnsSent
            return try columns.withSlots(first..<(leavingBase + columnsDue), body)
        case .row: return try rows.withSlots(rowsSent..<rowFilling, body)
        }
    }

    /// What was due has been sent, or never will be.
    package mutating func markSent(_ direction: FECDirection) {
        switch direction {
        case .column:
            counters.columnPackets &+= UInt64(columnsDue - columnsSent)
            columnsSent = columnsDue
        case .row:
            counters.rowPackets &+= UInt64(rowFilling - rowsSent)
            rowsSent = rowFilling
            if rowFilling == Self.rowSlots { (rowFilling, rowsSent) = (0, 0) }
        }
    }

    /// Takes a media packet, a whole datagram, into the parity of its column and row. Packets come in the order of their
    /// sequence numbers; a jump begins a new block. Those longer than the payload size are not protected.
    package mutating func protect(_ datagram: UnsafeRawBufferPointer) {
        precondition(!mustSend, "repair packets would be overwritten before they are sent")
        guard datagram.count > RTPHeader.size, datagram.count <= RTPHeader.size + payloadSize else { return abandon() }
        let sequence = UInt16(bigEndian: datagram.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
        if let nextSequence, nextSequence != sequence { abandon() }
        nextSequence = sequence &+ 1
        let (row, column) = position.quotientAndRemainder(dividingBy: matrix.columns)
        columns.merge(datagram, into: filling * matrix.columns + column, isFirst: row == 0)
        if matrix.isTwoDimensional {
            rows.merge(datagram, into: rowFilling, isFirst: column == 0)
            if column == matrix.columns - 1 { completeRow(endingWith: sequence) }
        }
        if hasLeaving { columnsDue = max(columnsDue, min(matrix.columns, position / matrix.rows + 1)) }
        position += 1
        if position == matrix.packets { completeBlock(endingWith: sequence) }
    }

    private var leavingBase: Int { (1 - filling) * matrix.columns }

    private mutating func abandon() {
        guard position > 0 else { return nextSequence = nil }
        counters.abandonedBlocks &+= 1
        position = 0
        nextSequence = nil
    }

    private mutating func completeRow(endingWith last: UInt16) {
        rows.seal(
            rowFilling, direction: .row, sequence: sequences.row, base: last &- UInt16(matrix.columns - 1), offset: 1,
            count: matrix.columns)
        sequences.row &+= 1
        rowFilling += 1
    }

    private mutating func completeBlock(endingWith last: UInt16) {
        let first = last &- UInt16(matrix.packets - 1)
        for column in 0..<matrix.columns {
            columns.seal(
                filling * matrix.columns + column, direction: .column, sequence: sequences.column,
                base: first &+ UInt16(column), offset: matrix.columns, count: matrix.rows)
            sequences.column &+= 1
        }
        filling = 1 - filling
        hasLeaving = true
        (columnsDue, columnsSent) = (0, 0)
        position = 0
    }
}

/// Repair packets in the making, in one piece of memory.
struct ParitySlots: Sendable {
    private let slotSize: Int
    private var storage: [UInt8]
    private var recoveries: [FECRecovery]
    private var timestamps: [UInt32]

    init(count: Int, payloadSize: Int) {
        slotSize = FECPacket.overhead + payloadSize
        storage = [UInt8](repeating: 0, count: count * slotSize)
        recoveries = [FECRecovery](repeating: FECRecovery(), count: count)
        timestamps = [UInt32](repeating: 0, count: count)
    }

    mutating func merge(_ datagram: UnsafeRawBufferPointer, into slot: Int, isFirst: Bool) {
        let media = FECRecovery(media: datagram)
        let payload = UnsafeRawBufferPointer(rebasing: datagram[RTPHeader.size...])
        let start = slot * slotSize + FECPacket.overhead
        let room = slotSize - FECPacket.overhead
        storage.withUnsafeMutableBytes { storage in
            let parity = UnsafeMutableRawBufferPointer(rebasing: storage[start..<(start + room)])
            guard isFirst else { return ExclusiveOr.merge(payload, into: parity) }
            parity.copyMemory(from: payload)
            guard payload.count < room else { return }
            UnsafeMutableRawBufferPointer(rebasing: parity[payload.count...])
                .initializeMemory(as: UInt8.self, repeating: 0)
        }
        guard isFirst else { return recoveries[slot] ^= media }
        recoveries[slot] = media
        timestamps[slot] = media.timestamp
    }

    mutating func seal(
        _ slot: Int, direction: FECDirection, sequence: UInt16, base: UInt16, offset: Int, count: Int
    ) {
        let header = FECPacketHeader(
            sequence: sequence, timestamp: timestamps[slot], direction: direction, base: base, offset: offset,
            count: count, recovery: recoveries[slot])
        let start = slot * slotSize
        storage.withUnsafeMutableBytes { storage in
            header.write(to: UnsafeMutableRawBufferPointer(rebasing: storage[start..<(start + FECPacket.overhead)]))
        }
    }

    func withSlots<Result>(
        _ slots: Range<Int>, _ body: (UnsafeRawBufferPointer) throws -> Result
    ) rethrows -> Result {
        try storage.withUnsafeBytes {
            try body(
                UnsafeRawBufferPointer(rebasing: $0[(slots.lowerBound * slotSize)..<(slots.upperBound * slotSize)]))
        }
    }
}
