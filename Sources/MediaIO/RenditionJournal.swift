import Glibc
import LinuxIO
import LiveProxy
import MPEGTS
import Synchronization

/// Where the continuation of every rendition survives the process: a mapped file, written after each train by plain
/// stores, so that it is current even when the process is killed.
///
///     let journal = try RenditionJournal(file: "/run/mrp/renditions")
///     let state = journal.state(of: key) ?? RenditionState(using: &generator, now: …, wallNow: …)
///     let id = try sender.add(output, continuing: state, journalKey: key)
///
/// It need not survive a reboot, because timestamps run on the monotonic clock: a file system in memory is the place.
package final class RenditionJournal: @unchecked Sendable {
    // `@unchecked`: the table of slots is behind a lock; the memory of one slot is written by the sending thread alone,
    // from the moment the slot was handed out.

    /// As many as a sender has renditions, and their predecessors that were not removed.
    package static let defaultCapacity = 2048
    package static let maximumKeyLength = 240

    // A slot: length of the key 8, key 240; then two copies of the record, each a generation 64, a length 16 and the bytes.
    // The copies are written by turns, so that one is always whole.
    private static let slotSize = 1024
    private static let keyOffset = 8
    private static let copyOffsets = [256, 640]
    private static let signature: [UInt8] = Array("mrp renditions 1".utf8)
    private static let headerSize = 4096

    private struct Table {
        var slots: [String: Int] = [:]
        var free: [Int] = []
        var recovered: [String: RenditionState] = [:]
    }

    private let memory: UnsafeMutableRawBufferPointer
    private let table: Mutex<Table>

    /// Opens or creates the file; one that is not a journal of this version is begun anew.
    package init(file path: String, capacity: Int = defaultCapacity) throws(SystemError) {
        let fileSize = Self.headerSize + max(capacity, 1) * Self.slotSize
        let number = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard number >= 0 else { throw SystemError(call: "open", errno: errno) }
        let descriptor = FileDescriptor(owning: number)
        guard flock(descriptor.number, LOCK_EX | LOCK_NB) == 0 else { throw SystemError(call: "flock", errno: errno) }
        guard ftruncate(descriptor.number, fileSize) == 0 else {
            throw SystemError(call: "ftruncate", errno: errno)
        }
        let address = mmap(nil, fileSize, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor.number, 0)
        guard let address, address != MAP_FAILED else { throw SystemError(call: "mmap", errno: errno) }
        let memory = UnsafeMutableRawBufferPointer(start: address, count: fileSize)
        if !memory.starts(with: Self.signature) {
            memory.initializeMemory(as: UInt8.self, repeating: 0)
            memory.copyBytes(from: Self.signature)
        }
        self.memory = memory
        table = Mutex(Self.recover(memory))
        lock = descriptor
    }

    /// Held for as long as the journal is used: two processes would ruin it.
    private let lock: FileDescriptor

    deinit { munmap(memory.baseAddress, memory.count) }

    /// What the last process that used `key` left; nil when none did.
    package func state(of key: String) -> RenditionState? { table.withLock { $0.recovered[key] } }

    /// A slot to write to, the key's old one where it has one; nil when the journal is full or the key too long.
    func slot(for key: String) -> JournalSlot? {
        guard (1...Self.maximumKeyLength).contains(key.utf8.count) else { return nil }
        let found: (index: Int, isNew: Bool)? = table.withLock { table in
            if let index = table.slots[key] { return (index, false) }
            guard let index = table.free.popLast() else { return nil }
            table.slots[key] = index
            return (index, true)
        }
        guard let found else { return nil }
        let slot = slotMemory(found.index)
        if found.isNew { write(key, to: slot) }
        return JournalSlot(
            key: key, first: Self.copy(0, of: slot), second: Self.copy(1, of: slot),
            generation: max(Self.generation(Self.copy(0, of: slot)), Self.generation(Self.copy(1, of: slot))))
    }

    /// The rendition has ended and will not be continued.
    func free(_ key: String) {
        table.withLock { table in
            guard let index = table.slots.removeValue(forKey: key) else { return }
            table.recovered[key] = nil
            slotMemory(index).initializeMemory(as: UInt8.self, repeating: 0)
            table.free.append(index)
        }
    }

    private func slotMemory(_ index: Int) -> UnsafeMutableRawBufferPointer { Self.slotMemory(index, memory) }

    private static func slotMemory(
        _ index: Int, _ memory: UnsafeMutableRawBufferPointer
    ) -> UnsafeMutableRawBufferPointer {
        let start = headerSize + index * slotSize
        return UnsafeMutableRawBufferPointer(rebasing: memory[start..<(start + slotSize)])
    }

    private func write(_ key: String, to slot: UnsafeMutableRawBufferPointer) {
        slot.initializeMemory(as: UInt8.self, repeating: 0)
        UnsafeMutableRawBufferPointer(rebasing: slot[Self.keyOffset...]).copyBytes(from: key.utf8)
        slot[0] = UInt8(truncatingIfNeeded: key.utf8.count)
    }

    private static func copy(
        _ index: Int, of slot: UnsafeMutableRawBufferPointer
    ) -> UnsafeMutableRawBufferPointer {
        let start = copyOffsets[index]
        return UnsafeMutableRawBufferPointer(rebasing: slot[start..<(start + JournalSlot.copySize)])
    }

    private static func generation(_ copy: UnsafeMutableRawBufferPointer) -> UInt64 {
        copy.loadUnaligned(as: UInt64.self)
    }

    private static func recover(_ memory: UnsafeMutableRawBufferPointer) -> Table {
        var table = Table()
        for index in (0..<((memory.count - headerSize) / slotSize)).reversed() {
            let slot = slotMemory(index, memory)
            let length = Int(slot[0])
            guard length > 0, length <= maximumKeyLength,
                let key = String(validating: slot[keyOffset..<(keyOffset + length)], as: UTF8.self),
                let state = newestRecord(in: slot), table.slots[key] == nil
            else {
                slot.initializeMemory(as: UInt8.self, repeating: 0)
                table.free.append(index)
                continue
            }
            table.slots[key] = index
            table.recovered[key] = state
        }
        return table
    }

    private static func newestRecord(in slot: UnsafeMutableRawBufferPointer) -> RenditionState? {
        let copies = [copy(0, of: slot), copy(1, of: slot)].sorted { generation($0) > generation($1) }
        for copy in copies where generation(copy) > 0 {
            let length = Int(copy.loadUnaligned(fromByteOffset: 8, as: UInt16.self))
            guard length <= RenditionRecord.maximumSize else { continue }
            if let state = RenditionRecord.decode(Array(copy[10..<(10 + length)])) { return state }
        }
        return nil
    }
}

/// One rendition's place in the journal; used by the sending thread only.
struct JournalSlot: @unchecked Sendable {
    // `@unchecked`: it is handed to the sending thread once and used nowhere else.

    static let copySize = 10 + RenditionRecord.maximumSize

    let key: String
    fileprivate let first: UnsafeMutableRawBufferPointer
    fileprivate let second: UnsafeMutableRawBufferPointer
    fileprivate var generation: UInt64

    /// Writes the older of the two copies; its generation goes in last, so that a copy cut short is never the newest.
    mutating func write(_ record: [UInt8], count: Int) {
        precondition(count <= RenditionRecord.maximumSize && count <= record.count, "no such record")
        generation &+= 1
        let copy = generation % 2 == 0 ? first : second
        copy.storeBytes(of: 0, as: UInt64.self)
        copy.storeBytes(of: UInt16(truncatingIfNeeded: count), toByteOffset: 8, as: UInt16.self)
        record.withUnsafeBytes {
            UnsafeMutableRawBufferPointer(rebasing: copy[10...])
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<count]))
        }
        atomicMemoryFence(ordering: .releasing)
        copy.storeBytes(of: generation, as: UInt64.self)
    }
}
