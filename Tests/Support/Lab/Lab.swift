import Foundation

/// A network of namespaces with real kernels: nodes, the links between them, and a folder for what they write.
///
/// Everything is gone after `tearDown`, and the sandbox (`scripts/lib/sandbox`) takes care of what a crash leaves.
package final class Lab {
    package let name: String
    package let folder: URL
    private var nodes: [String: Node] = [:]
    private var order: [String] = []

    /// - Parameter name: short, since namespaces and socket paths carry it.
    package init(_ name: String) throws {
        self.name = "\(name)\(ProcessInfo.processInfo.processIdentifier)"
        folder = try Self.makeFolder(self.name)
    }

    /// Process numbers repeat from sandbox to sandbox, and two of them may run at once: the folder's name is drawn.
    private static func makeFolder(_ name: String) throws -> URL {
        let pattern = FileManager.default.temporaryDirectory.appendingPathComponent("mrp-\(name)-XXXXXX").path
        guard let path = strdup(pattern) else { throw LabError("no memory") }
        defer { free(path) }
        guard mkdtemp(path) != nil else {
            throw LabError("cannot make \(pattern): \(String(cString: strerror(errno)))")
        }
        return URL(fileURLWithPath: String(cString: path))
    }

    /// Why namespaces cannot be made here; nil when they can.
    package static var obstacle: String? {
        let probe = "mrp-probe\(ProcessInfo.processInfo.processIdentifier)"
        guard let result = try? runCommand(["ip", "netns", "add", probe]) else { return "there is no `ip` command" }
        guard result.status == 0 else {
            return "network namespaces cannot be made: \(result.errors.trimmingCharacters(in: .whitespacesAndNewlines))"
        }
        _ = try? runCommand(["ip", "netns", "delete", probe])
        return nil
    }

    package func node(_ name: String) throws -> Node {
        if let node = nodes[name] { return node }
        let node = try Node(name: name, lab: self.name, folder: folder)
        nodes[name] = node
        order.append(name)
        return node
    }

    /// One end of a link: the node, its interface's name, and its address with prefix length if it has one.
    package struct End {
        var node: Node
        var interface: String
        var address: String?

        package init(_ node: Node, _ interface: String, _ address: String? = nil) {
            self.node = node
            self.interface = interface
            self.address = address
        }
    }

    /// A veth pair between two nodes, both ends up.
    package func link(_ first: End, _ second: End) throws {
        try check([
            "ip", "-n", first.node.namespace, "link", "add", first.interface, "type", "veth", "peer", "name",
            second.interface, "netns", second.node.namespace,
        ])
        for end in [first, second] {
            if let address = end.address { try end.node.ip("address", "add", address, "dev", end.interface) }
            try end.node.ip("link", "set", end.interface, "up")
        }
    }

    /// A bridge in `node` with the named interfaces as its ports.
    package func bridge(_ node: Node, _ bridge: String, ports: [String], address: String? = nil) throws {
        try node.ip("link", "add", bridge, "type", "bridge", "mcast_snooping", "1")
        for port in ports { try node.ip("link", "set", port, "master", bridge) }
        if let address { try node.ip("address", "add", address, "dev", bridge) }
        try node.ip("link", "set", bridge, "up")
    }

    /// Ends every program, newest first, and removes the namespaces; keeps the folder when `keepingFiles`.
    package func tearDown(keepingFiles: Bool = false) {
        for name in order.reversed() { nodes[name]?.stop() }
        nodes = [:]
        order = []
        if !keepingFiles { try? FileManager.default.removeItem(at: folder) }
    }
}
