import Foundation

/// A node that runs systemd as PID 1, with the programs, units and files that `scripts/install` puts on a router.
///
/// Nothing of it touches the host: see `scripts/lib/boot`.
package final class BootedMachine {
    package let node: Node
    private let process: ChildProcess

    /// Why systemd cannot be booted here; nil when it can.
    package static var obstacle: String? {
        if let obstacle = Lab.obstacle { return obstacle }
        guard FileManager.default.isExecutableFile(atPath: "/lib/systemd/systemd") else { return "systemd is missing" }
        // Its services change their user, which one mapped identifier does not allow.
        let map = (try? String(contentsOfFile: "/proc/self/uid_map", encoding: .utf8)) ?? ""
        let size = map.split(whereSeparator: \.isWhitespace).last.flatMap { UInt64($0) } ?? 0
        return size > 65_534 ? nil : "systemd needs the rights of root: this user namespace holds one user"
    }

    /// Installs into a staging folder, lets `configure` add to it, and boots.
    package init(on node: Node, project: String, programs: String, configure: (_ root: URL) throws -> Void) throws {
        self.node = node
        let root = node.folder.appendingPathComponent("root")
        try check([
            "env", "DESTDIR=\(root.path)", "\(project)/scripts/install", "--programs", programs,
        ])
        try configure(root)
        process = try node.start("boot", ["\(project)/scripts/lib/boot", root.path])
        guard eventually(within: .seconds(20), { self.isUp }) else {
            throw LabError("systemd did not boot: \(process.log)")
        }
        try run("systemd-sysusers", "/usr/local/lib/sysusers.d/mrp.conf")
        try run("systemd-tmpfiles", "--create", "/usr/local/lib/tmpfiles.d/mrp.conf")
    }

    private var isUp: Bool {
        (try? run("systemctl", "is-system-running"))?.hasPrefix("running") == true
    }

    /// What runs as PID 1, in this process's numbers: the child of the child that `scripts/lib/boot` names first.
    private func initProcess() throws -> String {
        let parent = process.log.split(separator: "\n").first.map(String.init) ?? ""
        let children = try String(contentsOfFile: "/proc/\(parent)/task/\(parent)/children", encoding: .utf8)
        guard let child = children.split(separator: " ").first else { throw LabError("the machine is off") }
        return String(child)
    }

    /// Runs a command on the machine and returns what it prints.
    @discardableResult
    package func run(_ command: String...) throws -> String {
        try check(["nsenter", "--target", initProcess(), "--all"] + command)
    }

    /// The same, whatever its exit code.
    package func attempt(_ command: String...) throws -> CommandResult {
        try runCommand(["nsenter", "--target", initProcess(), "--all"] + command)
    }

    /// A property of a unit, as `systemctl show` tells it.
    package func property(_ name: String, of unit: String) throws -> String {
        try run("systemctl", "show", "--value", "--property", name, unit)
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    /// What the unit's programs wrote.
    package func journal(of unit: String) -> String {
        (try? run("journalctl", "--no-pager", "--output", "cat", "--unit", unit)) ?? ""
    }
}
