import KernelMulticast
import LinuxIO

/// Buffers for one raw socket, and the loop over what a system call brings.
final class PacketReceiver {
    private var batch: ReceiveBatch
    /// Times the socket could not be read.
    private(set) var failures: UInt64 = 0

    init() throws(SystemError) {
        batch = try .forRouterMessages()
    }

    /// Hands over what one system call brings; the loop calls again while there is more, so that a flood of packets
    /// leaves the other sockets their turn.
    func receive(
        from descriptor: borrowing FileDescriptor, _ body: (borrowing ReceiveBatch, Int) -> Void
    ) {
        do throws(SystemError) {
            let count = try batch.fill(from: descriptor)
            for index in 0..<count { body(batch, index) }
        } catch {
            failures &+= 1
        }
    }
}
