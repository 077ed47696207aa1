import CSystemShims
import Glibc
import LinuxIO
import Synchronization

/// The newest bytes of one stream in a file in memory, which `sendfile` reads without a copy.
///
/// One thread writes; any may read. Pages are taken as they are first written and given back before they are written
/// again, so what a slow connection still holds is never overwritten beneath it, and an idle ring costs nothing.
package final class RingMemory: @unchecked Sendable {
    // `@unchecked`: the mapping is written by the loop's thread alone; other threads read by the descriptor, and ask
    // `oldest` afterwards whether what they read was still there.

    /// Pages are given back so many bytes at once.
    static let chunk = 256 << 10

    /// Positions that are kept at least; the file is two chunks larger.
    package let capacity: Int
    let descriptor: FileDescriptor
    private let size: Int
    private let base: UnsafeMutableRawPointer
    private let oldestPosition = Atomic<UInt64>(0)
    /// Up to which position pages are fresh.
    private var cleared: UInt64 = 0

    package init(capacity: Int) throws(SystemError) {
        precondition(capacity > 0, "an empty ring")
        self.capacity = capacity
        let chunks = (capacity + Self.chunk - 1) / Self.chunk + 2
        size = chunks * Self.chunk
        let size = size
        let number = try shimCall("memfd_create") { mrp_memory_file("mrp-ring", UInt64(size)) }
        descriptor = FileDescriptor(owning: number)
        let address = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, number, 0)
        guard let address, address != MAP_FAILED else { throw SystemError(call: "mmap", errno: errno) }
        base = address
        cleared = UInt64(size)
    }

    deinit { munmap(base, size) }

    /// Bytes before this position may be gone.
    package var oldest: UInt64 { oldestPosition.load(ordering: .acquiring) }

    /// Writes bytes that follow what was written before.
    func write(_ bytes: RawSpan, at position: UInt64) throws(SystemError) {
        let end = position + UInt64(bytes.byteCount)
        while end > cleared { try clearChunk() }
        var offset = 0
        while offset < bytes.byteCount {
            let start = Int((position + UInt64(offset)) % UInt64(size))
            let count = min(bytes.byteCount - offset, size - start)
            bytes.extracting(offset..<(offset + count)).withUnsafeBytes {
                // Safe: `start` and `count` lie within the mapping.
                UnsafeMutableRawBufferPointer(start: base + start, count: count).copyMemory(from: $0)
            }
            offset += count
        }
    }

    /// Readers are told first; then the pages go.
    private func clearChunk() throws(SystemError) {
        oldestPosition.store(cleared - UInt64(size) + UInt64(Self.chunk), ordering: .releasing)
        let (number, offset) = (descriptor.number, cleared % UInt64(size))
        try shimCall("fallocate") { mrp_memory_punch(number, offset, UInt64(Self.chunk)) }
        cleared += UInt64(Self.chunk)
    }

    /// Where `position` lies in the file, and how many bytes follow in one piece.
    @inline(__always)
    func place(_ position: UInt64) -> (offset: UInt64, run: UInt64) {
        let offset = position % UInt64(size)
        return (offset, UInt64(size) - offset)
    }

    /// Sends up to `count` bytes from `position` on to a socket; answers how many went, or a negated errno.
    @inline(__always)
    func send(to socket: CInt, from position: UInt64, count: UInt64) -> Int64 {
        let place = place(position)
        return mrp_stream_send_file(socket, descriptor.number, place.offset, min(count, place.run))
    }

    /// Appends a range that is there, on the writing thread; false when it is not.
    func append(_ range: Range<UInt64>, to bytes: inout [UInt8]) -> Bool {
        guard range.lowerBound >= oldest else { return false }
        var position = range.lowerBound
        while position < range.upperBound {
            let place = place(position)
            let count = min(range.upperBound - position, place.run)
            // Safe: `place` lies within the mapping.
            bytes.append(contentsOf: UnsafeRawBufferPointer(start: base + Int(place.offset), count: Int(count)))
            position += count
        }
        return true
    }

    /// A copy of a range, from any thread; nil when part of it was no longer there.
    package func copy(_ range: Range<UInt64>) -> [UInt8]? {
        let count = Int(range.upperBound - range.lowerBound)
        guard count <= capacity, range.lowerBound >= oldest else { return nil }
        var failed = false
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let place = place(range.lowerBound + UInt64(filled))
                let wanted = min(count - filled, Int(place.run))
                let read = pread(descriptor.number, buffer.baseAddress.map { $0 + filled }, wanted, off_t(place.offset))
                guard read > 0 else {
                    failed = true
                    return
                }
                filled += read
            }
        }
        return failed || range.lowerBound < oldest ? nil : bytes
    }
}
