import Clockwork
import Glibc
import LinuxIO
import LiveProxy
import MPEGTS
import RTP
import Synchronization

/// What the threads that fetch tell the thread that sends.
enum SenderCommand: Sendable {
    case add(MediaStreamID, RenditionSocket, RepairSender?, RenditionPacer, QueueGauge, JournalSlot?)
    case append(MediaStreamID, TransportSegment)
    case remove(MediaStreamID, @Sendable (RenditionReport?) -> Void)
    case report(@Sendable ([MediaStreamID: RenditionReport]) -> Void)
    case stop
}

/// A bounded amount that several threads add to and take from, such as the bytes of a rendition between `append` and the
/// wire.
final class QueueGauge: Sendable {
    private let amount = Atomic(0)

    var value: Int { amount.load(ordering: .relaxed) }

    /// False, and nothing reserved, when `count` more would exceed `limit`.
    func reserve(_ count: Int, limit: Int) -> Bool {
        let after = amount.add(count, ordering: .relaxed).newValue
        guard after > limit else { return true }
        release(count)
        return false
    }

    func release(_ count: Int) {
        amount.subtract(count, ordering: .relaxed)
    }
}

/// Everything that belongs to the sending thread.
final class SenderLoop {
    private struct Rendition {
        let id: MediaStreamID
        let socket: RenditionSocket
        var repair: RepairSender?
        var pacer: RenditionPacer
        let gauge: QueueGauge
        var slot: JournalSlot?
        var transmission = TransmissionCounters()
        /// What `pacer` held when the gauge was last settled.
        var settledBytes = 0
    }

    private var renditions: [Rendition] = []
    private var schedule: SendSchedule
    /// For interfaces without segmentation offload.
    private var singles: SendBatch?

    private let usesOffload: Bool
    private var record = [UInt8](repeating: 0, count: RenditionRecord.maximumSize)

    init(slack: Duration, usesOffload: Bool) {
        schedule = SendSchedule(slack: slack)
        self.usesOffload = usesOffload
    }

    /// When `sendDue` must be called.
    var wakeUp: Instant? { schedule.wakeUp }

    func perform(_ command: SenderCommand) {
        switch command {
        case .add(let id, let socket, let repair, let pacer, let gauge, let slot):
            renditions.append(
                Rendition(id: id, socket: socket, repair: repair, pacer: pacer, gauge: gauge, slot: slot))
            renditions[renditions.count - 1].transmission.sendsSingly = !usesOffload
            schedule.addEntry()
        case .append(let id, let segment):
            guard let index = index(of: id) else { return }
            renditions[index].pacer.append(segment, now: MonotonicClock.now())
            renditions[index].settledBytes += segment.byteCount
            plan(index)
        case .remove(let id, let completion):
            completion(remove(id))
        case .report(let completion):
            var reports: [MediaStreamID: RenditionReport] = [:]
            for rendition in renditions { reports[rendition.id] = report(rendition) }
            completion(reports)
        case .stop:
            // The journal keeps them: who stops may start again.
            while let last = renditions.last { _ = remove(last.id) }
        }
    }

    /// Sends every train whose time has come.
    func sendDue() {
        var now = MonotonicClock.now()
        for index in renditions.indices where schedule.isDue(index, at: now) {
            while let train = renditions[index].pacer.takeTrain(now: now) {
                // First the record, then the train: whoever continues after a crash in between leaves a loss, and never
                // sends a number again.
                writeRecord(index)
                transmit(train, of: index, at: now)
                now = MonotonicClock.now()
            }
            plan(index)
        }
    }

    private func index(of id: MediaStreamID) -> Int? { renditions.firstIndex { $0.id == id } }

    private func plan(_ index: Int) {
        let train = renditions[index].pacer.train
        schedule.set(index, departure: renditions[index].pacer.deadline, isUrgent: train?.carriesClock ?? false)
        let held = renditions[index].pacer.queuedBytes
        renditions[index].gauge.release(renditions[index].settledBytes - held)
        renditions[index].settledBytes = held
    }

    private func remove(_ id: MediaStreamID) -> RenditionReport? {
        guard let index = index(of: id) else { return nil }
        let now = MonotonicClock.now()
        let trains = renditions[index].pacer.finish(now: now)
        writeRecord(index)
        for train in trains { transmit(train, of: index, at: now) }
        let last = report(renditions[index])
        renditions.swapAt(index, renditions.count - 1)
        renditions.removeLast()
        schedule.removeEntry(index)
        return last
    }

    private func writeRecord(_ index: Int) {
        guard renditions[index].slot != nil else { return }
        let count = RenditionRecord.encode(renditions[index].pacer, into: &record)
        renditions[index].slot?.write(record, count: count)
    }

    private func report(_ rendition: Rendition) -> RenditionReport {
        RenditionReport(
            continuation: rendition.pacer.continuation, pacer: rendition.pacer.counters,
            conditioner: rendition.pacer.conditionerCounters, transmission: rendition.transmission,
            repair: rendition.repair?.counters ?? RepairCounters(),
            isJournalled: rendition.slot != nil,
            queued: rendition.pacer.queued, queuedBytes: rendition.gauge.value)
    }

    // MARK: Sending

    private func transmit(_ train: PacketTrain, of index: Int, at now: Instant) {
        renditions[index].transmission.lateness.note((now - train.departure).nanoseconds)
        defer { protect(train, of: index) }
        let failure = send(train, of: index)
        guard failure == nil || retryWithoutOffload(train, of: index) else {
            renditions[index].transmission.lastErrorNumber = failure?.errno ?? 0
            renditions[index].transmission.droppedPackets &+= UInt64(train.packetCount)
            return
        }
        renditions[index].transmission.packets &+= UInt64(train.packetCount)
        renditions[index].transmission.bytes &+= UInt64(train.byteCount)
    }

    /// A packet that the kernel did not take is one that repair packets bring back like any other.
    private func protect(_ train: PacketTrain, of index: Int) {
        guard var repair = renditions[index].repair.take() else { return }
        let single = renditions[index].transmission.sendsSingly
        renditions[index].pacer.withBytes(of: train) { bytes in
            repair.protect(bytes) { [self] in send($0, segmentSize: $1, by: $2, singly: single) }
        }
        renditions[index].repair = repair
    }

    private func send(_ train: PacketTrain, of index: Int) -> SystemError? {
        let socket = renditions[index].socket
        let single = renditions[index].transmission.sendsSingly
        return renditions[index].pacer.withBytes(of: train) {
            send($0, segmentSize: TransportPayload.datagramSize, by: socket, singly: single)
        }
    }

    private func send(
        _ bytes: UnsafeRawBufferPointer, segmentSize: Int, by socket: RenditionSocket, singly: Bool
    ) -> SystemError? {
        if singly { return sendSingly(bytes, segmentSize: segmentSize, by: socket) }
        do throws(SystemError) {
            try socket.socket.sendTrain(bytes, segmentSize: segmentSize)
            return nil
        } catch {
            return error
        }
    }

    /// A train that the interface cannot cut is refused as a whole, whatever the errno; a single packet that goes
    /// through right after says that the offload was the reason.
    private func retryWithoutOffload(_ train: PacketTrain, of index: Int) -> Bool {
        guard !renditions[index].transmission.sendsSingly, train.packetCount > 1 else { return false }
        let socket = renditions[index].socket
        let failure = renditions[index].pacer.withBytes(of: train) {
            sendSingly($0, segmentSize: TransportPayload.datagramSize, by: socket)
        }
        guard failure == nil else { return false }
        renditions[index].transmission.sendsSingly = true
        return true
    }

    private func sendSingly(
        _ bytes: UnsafeRawBufferPointer, segmentSize: Int, by socket: RenditionSocket
    ) -> SystemError? {
        guard var batch = singles.take() ?? (try? SendBatch(capacity: RenditionPacer.packetsPerTrain)) else {
            return SystemError(call: "sendmmsg", errno: ENOMEM)
        }
        for offset in stride(from: 0, to: bytes.count, by: segmentSize) {
            let datagram = UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + segmentSize)])
            guard batch.append(datagram, segmentSize: segmentSize, to: nil) else { break }
        }
        let failure = batch.flush(to: socket.socket).failure
        singles = consume batch
        return failure
    }
}
