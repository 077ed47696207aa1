import Clockwork
import Glibc
import LinuxIO

/// One connection that media is sent to. Plain data: thousands of them are walked for every batch.
struct Viewer {
    struct Flags: OptionSet {
        let rawValue: UInt8
        /// The kernel takes nothing now; it will say when it does.
        static let blocked = Flags(rawValue: 1)
        /// Bytes of `ViewerOwner.pending` go first.
        static let pending = Flags(rawValue: 2)
        /// Goes on at the next random-access point ahead of `position`.
        static let jumping = Flags(rawValue: 4)
        /// Has not begun: the ring has no random-access point yet.
        static let waiting = Flags(rawValue: 8)
        /// Gets RTP packets in frames, not the bare stream.
        static let framed = Flags(rawValue: 16)
    }

    var socket: CInt
    var generation: UInt32
    /// Index of the stream.
    var stream: Int32
    /// Its place in the stream's list of viewers.
    var rank: Int32
    var flags: Flags
    /// Of the next byte to send.
    var position: UInt64
    /// Sent so far, without the response's head.
    var bytes: UInt64
    /// When the kernel last took something.
    var progress: Instant
}

/// What a viewer has beside the plain data; touched when it comes, goes or is moved.
struct ViewerOwner {
    let session: UInt64
    let rendition: String
    let began: Instant
    /// The response's head; then tables, a notice of a jump, what is left of a frame.
    var pending: [UInt8]
    var meter = RateMeter()
    /// Told once, with the bytes sent.
    let ended: @Sendable (UInt64, ViewerEnd) -> Void
}

/// Why a connection ended.
package enum ViewerEnd: String, Hashable, Sendable, CaseIterable, Codable {
    /// The viewer hung up.
    case left
    /// It took nothing for the stall timeout.
    case stalled
    /// It fell out of the ring, and the configuration says to close; or it had moved too little to be moved forward.
    case tooSlow = "too-slow"
    /// Its session was closed.
    case sessionClosed = "session-closed"
    /// Nothing arrived of the stream in time.
    case noMedia = "no-media"
    /// The burst is over.
    case complete
    /// There is no room for it.
    case refused
    /// The point is shutting down.
    case shutdown
}

/// Bits a second over the last whole seconds.
struct RateMeter {
    private var mark: (bytes: UInt64, at: Instant)?
    private(set) var bitRate: UInt64 = 0

    mutating func note(_ bytes: UInt64, at now: Instant) {
        guard let mark else {
            self.mark = (bytes, now)
            return
        }
        let elapsed = (now - mark.at).seconds
        guard elapsed >= 1 else { return }
        bitRate = UInt64(Double(bytes - mark.bytes) * 8 / elapsed)
        self.mark = (bytes, now)
    }
}

/// All viewers by slot, in one piece of memory that never moves; a freed slot is used again under another generation.
final class ViewerTable {
    let capacity: Int
    private(set) var count = 0
    /// Slots below are or were in use.
    private(set) var used = 0
    private(set) var owners: [ViewerOwner?] = []
    private let viewers: UnsafeMutablePointer<Viewer>
    private var free: [Int] = []

    init(capacity: Int) {
        self.capacity = capacity
        // Pages are taken by the system as slots come into use.
        viewers = .allocate(capacity: max(1, capacity))
    }

    deinit { viewers.deallocate() }

    /// The viewer in `slot`, to be read and changed in place.
    @inline(__always)
    subscript(_ slot: Int) -> UnsafeMutablePointer<Viewer> {
        precondition(slot >= 0 && slot < used, "no such slot")
        return viewers + slot
    }

    /// Nil when the table is full.
    func insert(_ viewer: Viewer, _ owner: ViewerOwner) -> Int? {
        guard count < capacity else { return nil }
        count += 1
        guard let slot = free.popLast() else {
            (viewers + used).initialize(to: viewer)
            owners.append(owner)
            used += 1
            return used - 1
        }
        let generation = viewers[slot].generation
        viewers[slot] = viewer
        viewers[slot].generation = generation
        owners[slot] = owner
        return slot
    }

    func remove(_ slot: Int) -> ViewerOwner? {
        guard let owner = owners[slot] else { return nil }
        owners[slot] = nil
        viewers[slot].socket = -1
        viewers[slot].generation &+= 1
        free.append(slot)
        count -= 1
        return owner
    }

    func updateOwner(_ slot: Int, _ change: (inout ViewerOwner) -> Void) {
        guard var owner = owners[slot] else { return }
        owners[slot] = nil
        change(&owner)
        owners[slot] = owner
    }

    func isLive(_ slot: Int) -> Bool { owners[slot] != nil }

    /// What epoll is told; names one viewer and none that comes after it.
    func name(_ slot: Int) -> UInt64 { UInt64(viewers[slot].generation) << 32 | UInt64(slot) }

    func slot(named name: UInt64) -> Int? {
        let slot = Int(UInt32(truncatingIfNeeded: name))
        guard slot < used, owners[slot] != nil, viewers[slot].generation == UInt32(truncatingIfNeeded: name >> 32)
        else { return nil }
        return slot
    }
}
