import CSystemShims
import Glibc
import Wire

/// Receives what the router copies to its delivery interface: every datagram of every tree that has a unicast member.
///
/// Make one from the descriptor that `RouterLink` passes, add `descriptor` to an event loop, and call `receive` when it
/// is readable, again until it answers less than `capacity` (or leave that to the level-triggered loop). Nothing is
/// allocated while receiving. It needs no privilege; it outlives the router that opened it. When the delivery interface
/// goes down or away, `receive` throws ENETDOWN once: ask the router for another, which also works should the old one
/// have survived.
package struct DeliverySocket: ~Copyable {
    /// Frames a system call.
    package static let defaultCapacity = 32
    /// The longest IPv4 packet, with its Ethernet and virtio-net headers.
    package static let frameLimit = 65_535 + 14 + mrp_vnet_header_size
    /// What the router asks the kernel for: 100 ms of 3 Gbit/s, by the kernel's own count of what a packet takes.
    package static let receiveBuffer = 64 << 20

    package let descriptor: FileDescriptor
    package let capacity: Int
    package private(set) var counters = DeliveryCounters()
    private var batch: ReceiveBatch

    /// Takes over a socket that `open` made, here or in another process.
    package init(
        _ descriptor: consuming FileDescriptor, capacity: Int = Self.defaultCapacity
    ) throws(SystemError) {
        try descriptor.setNonBlocking()
        batch = try ReceiveBatch(capacity: capacity, bufferSize: Self.frameLimit)
        self.descriptor = descriptor
        self.capacity = capacity
    }

    /// A socket that hears IPv4 UDP to groups arriving on `interface`, which needs CAP_NET_RAW, and CAP_NET_ADMIN for a
    /// buffer past the system's limit. Its filter is locked. Whoever it is passed to could still bind it elsewhere or
    /// send by it: pass it to owners alone.
    package static func open(
        on interface: InterfaceIndex, receiveBuffer: Int = Self.receiveBuffer
    ) throws(SystemError) -> FileDescriptor {
        let opened = FileDescriptor(
            owning: try shimCall("packet socket") { mrp_packet_open_multicast(interface.rawValue) })
        try opened.setReceiveBuffer(bytes: receiveBuffer)
        return opened
    }

    /// Receives what is there, without waiting, by one system call; calls `body` with each datagram in order, the
    /// datagrams of a train one by one. A payload is valid during its call alone, and may be empty.
    /// - Returns: how many frames the kernel handed over; as many as `capacity` where there may be more.
    package mutating func receive(_ body: (DeliveryHeader, RawSpan) -> Void) throws(SystemError) -> Int {
        let count: Int
        do throws(SystemError) {
            count = try batch.fill(from: descriptor)
        } catch  where error.errno == EINVAL {
            counters.count(.refusedByKernel)
            return 0
        }
        // Beside `self`, of which the payloads are a part.
        var counted = counters
        for index in 0..<count {
            counted.frames &+= 1
            if batch.information(at: index).isTruncated {
                counted.count(.truncated)
            } else {
                Self.deliver(batch.bytes(at: index), counting: &counted, body)
            }
        }
        counters = counted
        return count
    }

    /// Calls `body` with the datagrams of `frame`.
    package static func deliver(
        _ frame: RawSpan, counting counters: inout DeliveryCounters, _ body: (DeliveryHeader, RawSpan) -> Void
    ) {
        do throws(DeliveryFault) {
            let frame = try DeliveryFrame(parsing: frame)
            guard let size = frame.segmentSize else {
                counters.datagrams &+= 1
                return body(frame.header, frame.payload)
            }
            counters.trains &+= 1
            var offset = 0
            while offset < frame.payload.byteCount {
                let end = min(offset + size, frame.payload.byteCount)
                counters.datagrams &+= 1
                body(frame.header, frame.payload.extracting(offset..<end))
                offset = end
            }
        } catch {
            counters.count(error)
        }
    }

    /// Asks the kernel how many frames found the buffer full since the last call, and adds them to
    /// `counters.kernelDrops`; answers how many these were. Once a second is often enough.
    @discardableResult
    package mutating func readKernelDrops() throws(SystemError) -> UInt64 {
        let number = descriptor.number
        var (frames, drops): (UInt32, UInt32) = (0, 0)
        try shimCall("PACKET_STATISTICS") { mrp_packet_statistics(number, &frames, &drops) }
        counters.kernelDrops &+= UInt64(drops)
        return UInt64(drops)
    }
}

/// What a delivery socket has seen.
package struct DeliveryCounters: Sendable {
    /// What the kernel handed over, good and bad.
    package fileprivate(set) var frames: UInt64 = 0
    /// Frames that were trains.
    package fileprivate(set) var trains: UInt64 = 0
    /// What was handed on.
    package fileprivate(set) var datagrams: UInt64 = 0
    /// Frames that found the socket's buffer full; a train counts once.
    package fileprivate(set) var kernelDrops: UInt64 = 0
    /// By rank; in place, so that a copy allocates nothing.
    private var faults = InlineArray<12, UInt64>(repeating: 0)

    package init() {}

    /// How many frames were refused for this reason.
    package subscript(fault: DeliveryFault) -> UInt64 { faults[fault.rank] }

    mutating func count(_ fault: DeliveryFault) { faults[fault.rank] &+= 1 }
}
