import Glibc
import Lab
import LinuxIO
import Netlink
import Testing
import Wire

/// Whether this process may make network namespaces (as root, or inside `unshare --user --map-root-user --net`).
let canMakeNamespaces = (try? Privileges.effective().contains([.systemAdministration, .networkAdministration])) == true

extension Trait where Self == ConditionTrait {
    static var needsNamespaces: Self {
        .enabled(if: canMakeNamespaces, "needs CAP_SYS_ADMIN and CAP_NET_ADMIN: run it as root or by scripts/test")
    }
}

func address(_ text: String) -> IPAddress {
    guard let address = IPAddress(text) else { preconditionFailure("a test names the address \(text)") }
    return address
}

func v4(_ text: String) -> IPv4Address {
    guard let address = IPv4Address(text) else { preconditionFailure("a test names the address \(text)") }
    return address
}

/// Network namespaces without names, which go when this does: the calling thread visits them one at a time.
///
/// Everything is synchronous, so that the test's thread cannot change in between; it is home again after every visit.
final class TestNetwork {
    struct Interface {
        let index: InterfaceIndex
        let name: String
    }

    private let home: FileDescriptor
    private var namespaces: [String: SharedDescriptor] = [:]

    init(_ nodes: String...) throws {
        home = try NetworkNamespace.current()
        for node in nodes {
            try NetworkNamespace.enterNew()
            defer { try? NetworkNamespace.enter(home) }
            namespaces[node] = SharedDescriptor(try NetworkNamespace.current())
            try NetworkConfiguration().setUp(InterfaceIndex(1))
        }
    }

    private func namespace(_ node: String) throws -> SharedDescriptor {
        try #require(namespaces[node], "there is no node \(node)")
    }

    /// Runs `body` in the namespace of `node`; sockets opened there stay there.
    func inside<Result: ~Copyable>(_ node: String, _ body: () throws -> Result) throws -> Result {
        try NetworkNamespace.enter(namespace(node).descriptor)
        defer { try? NetworkNamespace.enter(home) }
        return try body()
    }

    /// A veth pair between two nodes, or within one, both ends up, with addresses such as "10.0.0.1/24".
    @discardableResult
    func link(
        _ first: (node: String, name: String, address: String?),
        _ second: (node: String, name: String, address: String?)
    ) throws -> (Interface, Interface) {
        try inside(first.node) { try NetworkConfiguration().addVethPair(first.name, second.name) }
        if first.node != second.node {
            let target = try namespace(second.node)
            try inside(first.node) {
                let configuration = try NetworkConfiguration()
                let link = try #require(try configuration.link(named: second.name))
                try configuration.move(link.index, to: target.descriptor)
            }
        }
        let ends = (try bringUp(first), try bringUp(second))
        for (node, end) in [(first.node, ends.0), (second.node, ends.1)] {
            try #require(try inside(node) { try Self.waitUntilRunning(end) }, "\(end.name) does not come up")
        }
        return ends
    }

    /// The kernel notices a carrier a moment later, and drops what is sent before.
    private static func waitUntilRunning(_ end: Interface) throws -> Bool {
        let configuration = try NetworkConfiguration()
        return try eventually(within: .seconds(5)) {
            try configuration.links().contains { $0.index == end.index && $0.operationalState == .up }
        }
    }

    private func bringUp(_ end: (node: String, name: String, address: String?)) throws -> Interface {
        try inside(end.node) {
            let configuration = try NetworkConfiguration()
            let link = try #require(try configuration.link(named: end.name))
            if let text = end.address {
                let parts = text.split(separator: "/")
                try configuration.add(address(String(parts[0])), prefixLength: Int(parts[1]) ?? 0, to: link.index)
            }
            try configuration.setUp(link.index)
            return Interface(index: link.index, name: link.name)
        }
    }
}
