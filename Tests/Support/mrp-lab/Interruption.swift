import Foundation

/// Ends the program on SIGINT, SIGTERM and SIGHUP. The default action would not: in the sandbox this process has number 1,
/// which only signals that it handles can end. The kernel ends every other process of the sandbox with it.
enum Interruption {
    private static let ends: (reading: CInt, writing: CInt) = {
        var ends: [CInt] = [-1, -1]
        precondition(pipe(&ends) == 0, "no descriptors left at the start of the program")
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }()

    /// Handlers, unlike a blocked or ignored signal, are not inherited by the programs started here.
    static func end(after cleanUp: @escaping @Sendable () -> Void) {
        let reading = ends.reading
        Thread.detachNewThread {
            var byte: UInt8 = 0
            while read(reading, &byte, 1) != 1 {}
            Terminal.line("")
            cleanUp()
            _exit(128 + CInt(byte))
        }
        for number in [SIGINT, SIGTERM, SIGHUP] {
            signal(number) { number in
                var byte = UInt8(truncatingIfNeeded: number)
                _ = write(Interruption.ends.writing, &byte, 1)
            }
        }
    }
}
