import Dispatch
import OperatorConsole
import Synchronization

/// Runs asynchronous work to its end; the tool has nothing else to do meanwhile.
func waiting<Value: Sendable>(
    _ work: @escaping @Sendable () async -> Result<Value, ConsoleError>
) throws(ConsoleError) -> Value {
    let done = DispatchSemaphore(value: 0)
    let result = Box<Result<Value, ConsoleError>>()
    Task {
        result.set(await work())
        done.signal()
    }
    while true {
        done.wait()
        if let value = result.value { return try value.get() }
    }
}

private final class Box<Value: Sendable>: Sendable {
    private let stored = Mutex<Value?>(nil)

    var value: Value? { stored.withLock { $0 } }

    func set(_ value: Value) {
        stored.withLock { $0 = value }
    }
}
