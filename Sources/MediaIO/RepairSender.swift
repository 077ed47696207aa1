import ControlProtocol
import LinuxIO
import RTP
import Repair

/// The repair packets of one rendition: made as its trains leave, and sent in trains of their own.
struct RepairSender: Sendable {
    private var encoder: FECEncoder
    private let columns: RenditionSocket
    private let rows: RenditionSocket?
    private(set) var counters = RepairCounters()

    /// `firstSequence` is drawn anew in each life of the sender: receivers of repair packets follow what they protect and
    /// not their numbers, and no number is sent twice in a row with different contents.
    init(_ output: RenditionOutput, _ matrix: FECMatrix, firstSequence: UInt16) throws(MediaSenderError) {
        encoder = FECEncoder(matrix: matrix, firstSequence: firstSequence)
        columns = try RenditionSocket(output, .column)
        rows = matrix.isTwoDimensional ? try RenditionSocket(output, .row) : nil
    }

    /// Takes the datagrams of a train in, before or after they leave, and sends what is due for them; `send` is handed a
    /// train, the size of its datagrams and where to.
    mutating func protect(
        _ train: UnsafeRawBufferPointer, send: (UnsafeRawBufferPointer, Int, RenditionSocket) -> SystemError?
    ) {
        let size = TransportPayload.datagramSize
        for offset in stride(from: 0, to: train.count, by: size) {
            if encoder.mustSend { sendDue(send) }
            encoder.protect(UnsafeRawBufferPointer(rebasing: train[offset..<min(offset + size, train.count)]))
        }
        sendDue(send)
    }

    private mutating func sendDue(_ send: (UnsafeRawBufferPointer, Int, RenditionSocket) -> SystemError?) {
        sendDue(.column, by: columns, send)
        if let rows { sendDue(.row, by: rows, send) }
    }

    private mutating func sendDue(
        _ direction: FECDirection, by socket: RenditionSocket,
        _ send: (UnsafeRawBufferPointer, Int, RenditionSocket) -> SystemError?
    ) {
        let count = UInt64(encoder.dueCount(direction))
        guard count > 0 else { return }
        let failure = encoder.withDue(direction) { send($0, encoder.packetSize, socket) }
        encoder.markSent(direction)
        guard failure == nil else { return counters.droppedPackets &+= count }
        switch direction {
        case .column: counters.columnPackets &+= count
        case .row: counters.rowPackets &+= count
        }
        counters.bytes &+= count &* UInt64(encoder.packetSize)
    }
}

/// Repair packets as their sender sees them.
package struct RepairCounters: Hashable, Sendable, Codable {
    package internal(set) var columnPackets: UInt64 = 0
    package internal(set) var rowPackets: UInt64 = 0
    package internal(set) var bytes: UInt64 = 0
    /// Packets the kernel did not take.
    package internal(set) var droppedPackets: UInt64 = 0

    package init() {}
}
