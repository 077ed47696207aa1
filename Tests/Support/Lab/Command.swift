import Foundation

/// What a finished command left.
package struct CommandResult: Sendable {
    package var status: Int32
    package var output: String
    package var errors: String
}

/// A command of the lab that failed.
package struct LabError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) {
        self.description = description
    }
}

/// Runs `command` to its end and returns what it printed.
package func runCommand(_ command: [String], input: String? = nil) throws -> CommandResult {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = command
    let folder = FileManager.default.temporaryDirectory
    let output = folder.appendingPathComponent("lab-\(UUID().uuidString).out")
    let errors = folder.appendingPathComponent("lab-\(UUID().uuidString).err")
    defer {
        try? FileManager.default.removeItem(at: output)
        try? FileManager.default.removeItem(at: errors)
    }
    for file in [output, errors] { try Data().write(to: file) }
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = try FileHandle(forWritingTo: errors)
    let pipe = Pipe()
    process.standardInput = input == nil ? FileHandle.nullDevice : pipe
    try process.run()
    if let input {
        try pipe.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try pipe.fileHandleForWriting.close()
    }
    process.waitUntilExit()
    return CommandResult(
        status: process.terminationStatus,
        output: (try? String(contentsOf: output, encoding: .utf8)) ?? "",
        errors: (try? String(contentsOf: errors, encoding: .utf8)) ?? "")
}

/// Runs `command` and throws with what it said when it fails.
@discardableResult
package func check(_ command: [String], input: String? = nil) throws -> String {
    let result = try runCommand(command, input: input)
    guard result.status == 0 else {
        throw LabError("\(command.joined(separator: " ")): \(result.errors)\(result.output)")
    }
    return result.output
}
