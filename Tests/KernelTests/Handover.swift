import LinuxIO
import Synchronization

/// Values from one thread to another, which waits for them (an eventfd would do as well, but a pipe needs no shim).
final class Handover<Value: Sendable>: Sendable {
    private let values = Mutex<[Value]>([])
    private let signal: SharedDescriptor
    private let wait: SharedDescriptor

    init() throws {
        let pipe = try Probe()
        signal = SharedDescriptor(try pipe.writeEnd.duplicate())
        wait = SharedDescriptor(try pipe.readEnd.duplicate())
    }

    func put(_ value: Value) throws(SystemError) {
        values.withLock { $0.append(value) }
        _ = try signal.descriptor.write([1])
    }

    /// Waits ten seconds at most.
    func take() throws(SystemError) -> Value {
        try wait.descriptor.waitUntilReadable(milliseconds: 10_000)
        _ = try wait.descriptor.read(upTo: 1)
        return values.withLock { $0.removeFirst() }
    }
}
