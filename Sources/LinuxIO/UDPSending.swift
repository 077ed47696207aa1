import CSystemShims
import Glibc

extension UDPSocket {
    /// What one train may hold: the kernel refuses more segments, and UDP more bytes.
    package static let segmentsPerTrain = 64
    package static let bytesPerTrain = 65_507

    /// Sends one datagram; `destination` nil means the connected one. Throws `isWouldBlock` when the buffer is full.
    package borrowing func send(
        _ datagram: UnsafeRawBufferPointer, to destination: SocketAddress? = nil
    ) throws(SystemError) {
        let number = descriptor.number
        let endpoint = destination?.endpoint ?? mrp_endpoint()
        try shimCall("sendmsg") { mrp_send_datagram(number, datagram.baseAddress, datagram.count, 0, endpoint) }
    }

    package borrowing func send(_ datagram: [UInt8], to destination: SocketAddress? = nil) throws(SystemError) {
        let number = descriptor.number
        let endpoint = destination?.endpoint ?? mrp_endpoint()
        try shimCall("sendmsg") {
            datagram.withUnsafeBytes { mrp_send_datagram(number, $0.baseAddress, $0.count, 0, endpoint) }
        }
    }

    /// Sends `train` as datagrams of `segmentSize` bytes, the last one possibly shorter, with one pass through the
    /// network stack (UDP_SEGMENT). At most `segmentsPerTrain` segments and `bytesPerTrain` bytes.
    package borrowing func sendTrain(
        _ train: UnsafeRawBufferPointer, segmentSize: Int, to destination: SocketAddress? = nil
    ) throws(SystemError) {
        let number = descriptor.number
        let endpoint = destination?.endpoint ?? mrp_endpoint()
        guard segmentSize > 0, segmentSize <= Int(UInt16.max), train.count <= Self.bytesPerTrain else {
            throw SystemError(call: "sendTrain", errno: EMSGSIZE)
        }
        // One segment needs no offload, and asking for it would cost.
        let segment = train.count <= segmentSize ? 0 : UInt16(segmentSize)
        try shimCall("sendmsg") { mrp_send_datagram(number, train.baseAddress, train.count, segment, endpoint) }
    }
}

/// Datagrams and trains for several destinations, sent with as few system calls as may be (sendmmsg).
package struct SendBatch: ~Copyable {
    private let batch: OpaquePointer
    package let capacity: Int
    package private(set) var count = 0

    package init(capacity: Int) throws(SystemError) {
        guard let batch = mrp_send_batch_create(UInt32(clamping: capacity)) else {
            throw SystemError(call: "calloc", errno: ENOMEM)
        }
        self.batch = batch
        self.capacity = capacity
    }

    deinit { mrp_send_batch_destroy(batch) }

    /// False when the batch is full. The bytes are not copied: they must stay until `flush` or `removeAll`.
    package mutating func append(
        _ bytes: UnsafeRawBufferPointer, segmentSize: Int, to destination: SocketAddress?
    ) -> Bool {
        guard count < capacity, segmentSize >= 0, segmentSize <= Int(UInt16.max) else { return false }
        let segment = bytes.count <= segmentSize ? 0 : UInt16(segmentSize)
        mrp_send_batch_put(
            batch, UInt32(count), bytes.baseAddress, bytes.count, segment, destination?.endpoint ?? mrp_endpoint())
        count += 1
        return true
    }

    /// Sends all; answers how many messages went out before one failed or the socket's buffer was full, with the reason.
    package mutating func flush(to socket: borrowing UDPSocket) -> (sent: Int, failure: SystemError?) {
        let (batch, number, all) = (batch, socket.descriptor.number, UInt32(count))
        var sent: UInt32 = 0
        count = 0
        while sent < all {
            do throws(SystemError) {
                let first = sent
                sent += UInt32(try shimCall("sendmmsg") { mrp_send_batch_flush(batch, number, first, all - first) })
            } catch {
                return (Int(sent), error)
            }
        }
        return (Int(sent), nil)
    }

    package mutating func removeAll() {
        count = 0
    }
}
