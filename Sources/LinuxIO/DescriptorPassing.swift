import CSystemShims
import Glibc

/// An owned descriptor that may stand in an array; it closes with the last reference.
package final class SharedDescriptor: Sendable {
    package let descriptor: FileDescriptor

    package init(_ descriptor: consuming FileDescriptor) {
        self.descriptor = descriptor
    }
}

/// Two are equal when they are the same object.
extension SharedDescriptor: Hashable {
    package static func == (left: SharedDescriptor, right: SharedDescriptor) -> Bool { left === right }
    package func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

extension FileDescriptor {
    /// What one message may carry.
    package static let descriptorsPerMessage = 16

    /// Sends a message with duplicates of `descriptors` over a Unix socket (SCM_RIGHTS); answers how many bytes went, on a
    /// stream perhaps not all: the descriptors went with the first.
    @discardableResult
    package borrowing func send(
        _ message: some Collection<UInt8>, passing descriptors: [CInt] = []
    ) throws(SystemError) -> Int {
        let number = number
        guard descriptors.count <= Self.descriptorsPerMessage else { throw SystemError(call: "sendmsg", errno: E2BIG) }
        let message = Array(message)
        return try shimCall("sendmsg") {
            message.withUnsafeBytes { bytes in
                mrp_send_descriptors(number, bytes.baseAddress, bytes.count, descriptors, UInt32(descriptors.count))
            }
        }
    }

    /// Receives a message and the descriptors that came with it; both are empty when the other side has closed.
    package borrowing func receive(
        upTo count: Int
    ) throws(SystemError) -> (message: [UInt8], descriptors: [SharedDescriptor]) {
        let number = number
        var message = [UInt8](repeating: 0, count: count)
        var passed = [CInt](repeating: -1, count: Self.descriptorsPerMessage)
        var passedCount: UInt32 = 0
        let received = try shimCall("recvmsg") {
            message.withUnsafeMutableBytes { bytes in
                mrp_receive_descriptors(
                    number, bytes.baseAddress, bytes.count, &passed, UInt32(passed.count), &passedCount)
            }
        }
        let descriptors = passed.prefix(Int(passedCount)).map { SharedDescriptor(FileDescriptor(owning: $0)) }
        return (Array(message.prefix(received)), descriptors)
    }
}
