import CSystemShims
import Wire

/// What the kernel said about one received datagram, beside its bytes.
package struct DatagramInformation: Sendable {
    package var source: SocketAddress?
    /// Where the datagram was sent to; present when packet information was asked for. The port is not known.
    package var destination: IPAddress?
    /// The interface it came in by; present when packet information was asked for.
    package var interface: InterfaceIndex?
    /// Not nil when the kernel merged datagrams of this size into one (UDP_GRO); the last may be shorter.
    package var segmentSize: Int?
    /// The datagram was longer than the buffer.
    package var isTruncated: Bool
}

/// Buffers for up to `capacity` datagrams a system call (recvmmsg), allocated once.
package struct ReceiveBatch: ~Copyable {
    private let batch: OpaquePointer
    package let capacity: Int
    /// How many datagrams the last `fill` received.
    package private(set) var count = 0

    /// Takes `capacity` buffers of `bufferSize` bytes; with UDP_GRO a merged datagram may take up to 65,535.
    package init(capacity: Int, bufferSize: Int) throws(SystemError) {
        guard let batch = mrp_receive_batch_create(UInt32(clamping: capacity), UInt32(clamping: bufferSize)) else {
            throw SystemError(call: "calloc", errno: 12)
        }
        self.batch = batch
        self.capacity = capacity
    }

    deinit { mrp_receive_batch_destroy(batch) }

    /// Receives what is there, without waiting; answers how many, zero for none.
    package mutating func fill(from descriptor: borrowing FileDescriptor) throws(SystemError) -> Int {
        let (batch, number) = (batch, descriptor.number)
        count = 0
        do throws(SystemError) {
            count = Int(try shimCall("recvmmsg") { mrp_receive_batch_fill(batch, number) })
        } catch  where error.isWouldBlock {
            count = 0
        }
        return count
    }

    /// The bytes of the datagram at `index`, valid until the next `fill`.
    @_lifetime(borrow self)
    package borrowing func bytes(at index: Int) -> RawSpan {
        precondition(index >= 0 && index < count, "no such datagram in the batch")
        let datagram = mrp_receive_batch_at(batch, UInt32(index))
        let buffer = UnsafeRawBufferPointer(start: datagram.bytes, count: Int(datagram.length))
        // Safe: the buffer belongs to `batch`, which lives as long as `self`, and `fill` is mutating.
        return _overrideLifetime(RawSpan(_unsafeBytes: buffer), borrowing: self)
    }

    package borrowing func information(at index: Int) -> DatagramInformation {
        precondition(index >= 0 && index < count, "no such datagram in the batch")
        let datagram = mrp_receive_batch_at(batch, UInt32(index))
        return DatagramInformation(
            source: SocketAddress(datagram.source), destination: IPAddress(datagram.destination),
            interface: datagram.ifindex == 0 ? nil : InterfaceIndex(datagram.ifindex),
            segmentSize: datagram.segment_size == 0 ? nil : Int(datagram.segment_size),
            isTruncated: datagram.truncated)
    }
}
