import Foundation

/// A host or router of the lab: one network namespace, a folder for its files, and the programs started in it.
package final class Node {
    package let name: String
    /// The namespace's name, unique in the sandbox.
    package let namespace: String
    package let folder: URL
    private(set) var children: [ChildProcess] = []

    init(name: String, lab: String, folder: URL) throws {
        self.name = name
        namespace = "\(lab)-\(name)"
        self.folder = folder.appendingPathComponent(name)
        try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
        try check(["ip", "netns", "add", namespace])
        try ip("link", "set", "lo", "up")
        try sysctl("net.ipv4.conf.all.rp_filter", "0")
        try sysctl("net.ipv4.conf.default.rp_filter", "0")
    }

    /// `command`, as run inside this node.
    package func inside(_ command: [String]) -> [String] { ["ip", "netns", "exec", namespace] + command }

    @discardableResult
    package func run(_ command: String..., input: String? = nil, arguments: [String] = []) throws -> String {
        try check(inside(command + arguments), input: input)
    }

    @discardableResult
    package func ip(_ arguments: String...) throws -> String {
        try check(["ip", "-n", namespace] + arguments)
    }

    package func sysctl(_ key: String, _ value: String) throws {
        try check(inside(["sysctl", "-q", "-w", "\(key)=\(value)"]))
    }

    /// Makes it forward unicast between its interfaces.
    package func enableForwarding() throws {
        try sysctl("net.ipv4.ip_forward", "1")
    }

    /// Starts a program here; its output goes to `NAME.log` in the node's folder.
    package func start(
        _ name: String, _ command: [String], environment: [String: String] = [:], output: URL? = nil
    ) throws -> ChildProcess {
        let log = folder.appendingPathComponent("\(name).log")
        let child = try ChildProcess(
            name: "\(self.name)/\(name)", command: inside(command), logFile: log, environment: environment,
            output: output)
        children.append(child)
        return child
    }

    /// The program last started here under this name.
    package func child(_ name: String) -> ChildProcess? {
        children.last { $0.name == "\(self.name)/\(name)" }
    }

    /// Writes a file into the node's folder and returns its path.
    package func write(_ file: String, _ text: String) throws -> String {
        let url = folder.appendingPathComponent(file)
        try text.write(to: url, atomically: true, encoding: .utf8)
        return url.path
    }

    package func path(_ file: String) -> String { folder.appendingPathComponent(file).path }

    func stop() {
        for child in children.reversed() { child.stop() }
        children = []
        _ = try? runCommand(["ip", "netns", "delete", namespace])
    }
}
