import Foundation

/// A program started by the lab: its output goes to a file, it is ended by its own pid, and never outlives the lab.
package final class ChildProcess {
    package let name: String
    package let logFile: URL
    private let process = Process()

    /// Starts `command` (looked up on PATH) with output and errors in `logFile`.
    package init(
        name: String, command: [String], logFile: URL, environment: [String: String] = [:], output: URL? = nil
    ) throws {
        self.name = name
        self.logFile = logFile
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let log = try Self.openForWriting(logFile)
        process.standardError = log
        process.standardOutput = try output.map(Self.openForWriting) ?? log
        process.standardInput = FileHandle.nullDevice
        try process.run()
    }

    private static func openForWriting(_ file: URL) throws -> FileHandle {
        try Data().write(to: file)
        return try FileHandle(forWritingTo: file)
    }

    package var identifier: Int32 { process.processIdentifier }
    package var isRunning: Bool { process.isRunning }
    /// Exit status, or 128 + the signal; meaningful once it ended.
    package var status: Int32 {
        process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus
    }

    package var log: String { (try? String(contentsOf: logFile, encoding: .utf8)) ?? "" }

    package func send(signal: Int32) {
        if process.isRunning { kill(process.processIdentifier, signal) }
    }

    /// Waits for the end; false when it still runs after `limit`.
    @discardableResult
    package func waitForExit(within limit: Duration) -> Bool {
        eventually(within: limit) { !self.process.isRunning }
    }

    /// Asks it to end, and makes it end after three seconds.
    package func stop() {
        guard process.isRunning else { return }
        send(signal: SIGTERM)
        if !waitForExit(within: .seconds(3)) { send(signal: SIGKILL) }
        process.waitUntilExit()
    }
}

/// Asks `condition` every 20 ms until it holds; false when `limit` passes first.
@discardableResult
package func eventually(within limit: Duration, _ condition: () throws -> Bool) rethrows -> Bool {
    let clock = ContinuousClock()
    let end = clock.now + limit
    while true {
        if try condition() { return true }
        if clock.now >= end { return false }
        usleep(20_000)
    }
}
