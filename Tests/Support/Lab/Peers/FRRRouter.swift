import Foundation

/// FRR's `zebra` and `pimd` in a node, as an ordinary PIM router of another maker.
package final class FRRRouter {
    private let node: Node
    private let folder: String

    /// Why FRR cannot run here; nil when it can. It insists on a user of its own, which only root can become.
    package static var obstacle: String? {
        guard FileManager.default.isExecutableFile(atPath: "\(libraries)/pimd") else { return "FRR is not installed" }
        let map = (try? String(contentsOfFile: "/proc/self/uid_map", encoding: .utf8)) ?? ""
        let fields = map.split(whereSeparator: \.isWhitespace)
        return fields.count == 3 && fields[2] == "1" ? "FRR needs real root: its daemons run as the user frr" : nil
    }

    private static let libraries = "/usr/lib/frr"

    /// Starts FRR with PIM on `interfaces`; those in `hosts` are queried by IGMP as well. It resolves next hops only by
    /// routes to the source's own prefix, not by a default route (`ip nht resolve-via-default` is off).
    package init(in node: Node, interfaces: [String], hosts: [String] = []) throws {
        self.node = node
        folder = node.path("frr")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let lines = (interfaces + hosts).map { interface in
            "interface \(interface)\n ip pim\n ip pim hello 1 4\n" + (hosts.contains(interface) ? " ip igmp\n" : "")
        }.joined()
        try "hostname \(node.name)\n\(lines)".write(toFile: "\(folder)/frr.conf", atomically: true, encoding: .utf8)
        // The daemons run as frr, and every folder above theirs must let them through.
        try check(["chown", "-R", "frr:frr", folder])
        var above = URL(fileURLWithPath: folder).deletingLastPathComponent()
        for _ in 0..<2 {
            try check(["chmod", "o+x", above.path])
            above.deleteLastPathComponent()
        }
        for daemon in ["zebra", "pimd"] { try start(daemon) }
    }

    private func start(_ daemon: String) throws {
        let child = try node.start(
            "frr-\(daemon)",
            [
                "\(Self.libraries)/\(daemon)", "-f", "\(folder)/frr.conf", "-i", "\(folder)/\(daemon).pid", "-z",
                "\(folder)/zserv.api", "--vty_socket", folder, "-A", "127.0.0.1", "--log",
                "file:\(folder)/\(daemon).log",
            ])
        let socket = "\(folder)/\(daemon).vty"
        guard eventually(within: .seconds(10), { FileManager.default.fileExists(atPath: socket) || !child.isRunning }),
            child.isRunning
        else { throw LabError("FRR's \(daemon) did not start: \(child.log)") }
    }

    /// Output interfaces of a forwarding entry, in alphabetical order, by FRR's own table; nil when it has none.
    package func outputs(source: String, group: String) throws -> [String]? {
        let table = try JSONSerialization.jsonObject(with: Data(show("show ip mroute json").utf8)) as? [String: Any]
        let entry = (table?[group] as? [String: Any])?[source] as? [String: Any]
        guard let outputs = entry?["oil"] as? [String: Any] else { return nil }
        return outputs.keys.filter { $0 != "pimreg" }.sorted()
    }

    /// What `vtysh -c COMMAND` prints.
    package func show(_ command: String) throws -> String {
        try node.run("vtysh", "--vty_socket", folder, "-c", command)
    }
}
