import ControlProtocol
import Foundation
import JSONCoding
import Lab
import Testing
import Wire

/// The operator's tool against a running router: both real, over the control socket.
@Suite(.serialized, .enabled(if: Lab.obstacle == nil, "network namespaces cannot be made here"))
struct MrpctlTests {
    /// A router with a viewer who is admitted, one who is refused, and a PIM neighbour.
    private final class Scene {
        let network: AccessNetwork
        private let neighbor: RouterProgram
        private let owner: OwnerSession
        private var viewers: [Receiver] = []

        init(_ name: String) throws {
            network = try AccessNetwork(name)
            neighbor = try RouterProgram(
                network.sourceNode, interfaces: "    eth0: {pim: {triggered-hello-delay: 0s, hello-interval: 1s}}")
            try neighbor.start()
            owner = try OwnerSession(network.router, items: [network.authorization("alice", host: 1)])
        }

        func admitAndRefuse() throws {
            viewers = [try network.viewer(1), try network.viewer(2)]
            let isSettled = try eventually(within: .seconds(5)) {
                let status = try network.router.show(.status, RouterStatusDocument.self)
                let neighbors = try network.router.show(.neighbors, NeighborsDocument.self).neighbors
                return status.memberships == 2 && status.installedEntries == 1 && neighbors.count == 1
            }
            try #require(isSettled, "\(network.router.log)")
        }

        /// Joins on host 1 what nobody authorized.
        func join(_ groups: [IPv4Address]) throws {
            guard let viewer = viewers.first else { return }
            for group in groups { try viewer.join(group, AccessNetwork.source) }
            let isThere = try eventually(within: .seconds(5)) {
                try network.router.show(.status, RouterStatusDocument.self).memberships == 2 + groups.count
            }
            try #require(isThere)
        }

        func leave() throws { try viewers[0].leave(AccessNetwork.group, AccessNetwork.source) }

        func mrpctl(_ arguments: String...) throws -> CommandResult {
            try runCommand([Programs.path("mrpctl")] + arguments + ["--socket", network.router.socket])
        }

        func document<Document: Decodable>(_ topic: String, _ type: Document.Type) throws -> Document {
            let result = try mrpctl("show", topic, "--json")
            try #require(result.status == 0, "\(result)")
            #expect(result.output.split(separator: "\n").count == 1, "one document, one line")
            return try JSONText.decode(type, from: result.output)
        }
    }

    @Test func `show has a table for each topic that names what is there`() throws {
        let scene = try Scene("ctl")
        try scene.admitAndRefuse()
        let expected: [(topic: String, words: [String])] = [
            (
                "groups",
                [
                    "232.1.1.1", "10.1.0.10", "a1", "10.3.1.10", "alice", "admitted", "a2", "10.3.2.10",
                    "refused: unknown-subscriber-address",
                ]
            ),
            ("routes", ["232.1.1.1", "10.1.0.10", "up0", "a1", "yes"]),
            ("interfaces", ["up0", "a1", "a2", "10.3.1.1", "self"]),
            ("neighbors", ["up0", "10.1.0.10"]),
            ("subscribers", ["alice", "member", "replication-point", "refused: unknown-subscriber-address"]),
        ]
        for (topic, words) in expected {
            let result = try scene.mrpctl("show", topic)
            #expect(result.status == 0, "\(topic): \(result)")
            for word in words { #expect(result.output.contains(word), "\(topic) lacks \(word):\n\(result.output)") }
        }
    }

    @Test func `show --json is one document a router, in an order that stays`() throws {
        let scene = try Scene("cjs")
        try scene.admitAndRefuse()
        try scene.join([3, 2, 9, 4].map { IPv4Address(232, 1, 1, $0) })
        func order() throws -> [String] {
            let groups = try scene.document("groups", GroupsDocument.self).groups
            return groups.map { "\($0.group)" } + groups.flatMap(\.ports).map(\.interface)
        }
        let first = try order()
        #expect(first == (["1", "2", "3", "4", "9"].map { "232.1.1.\($0)" } + ["a1", "a2", "a1", "a1", "a1", "a1"]))
        #expect(try order() == first)
        let interfaces = try scene.document("interfaces", InterfacesDocument.self).interfaces.map(\.name)
        #expect(interfaces.filter { $0 != "lo" } == ["a1", "a2", "up0"])
        let routes = try scene.document("routes", RoutesDocument.self).routes
        #expect(routes.map { $0.outgoingInterfaces.map(\.interface) } == [["a1"]])
        let subscribers = try scene.document("subscribers", RouterSubscribersDocument.self)
        #expect(subscribers.authorizations.map(\.subscriber) == ["alice"])
        #expect(
            subscribers.refused.map { "\($0.interface) \($0.group)" }
                == ["a1 232.1.1.2", "a1 232.1.1.3", "a1 232.1.1.4", "a1 232.1.1.9", "a2 232.1.1.1"])
        #expect(try scene.document("neighbors", NeighborsDocument.self).neighbors.map(\.interface) == ["up0"])
    }

    @Test(arguments: [[], ["--json"]])
    func `watch tells of members and entries as they come and go`(options: [String]) throws {
        let scene = try Scene("cwa\(options.count)")
        let node = scene.network.router.node
        let output = node.folder.appendingPathComponent("watch.out")
        let watch = try node.start(
            "watch",
            [Programs.path("mrpctl"), "watch", "memberships", "routes", "--socket", scene.network.router.socket]
                + options, output: output)
        func text() -> String { (try? String(contentsOf: output, encoding: .utf8)) ?? "" }
        func tells(_ words: String...) -> Bool {
            eventually(within: .seconds(5)) {
                text().split(separator: "\n").contains { line in words.allSatisfy { line.contains($0) } }
            }
        }
        // The watch has begun when it tells of the first thing that happens.
        try #require(eventually(within: .seconds(5)) { watch.isRunning })
        usleep(500_000)
        try scene.admitAndRefuse()
        #expect(tells("member-admitted", "alice"), "\(text())\(watch.log)")
        #expect(tells("member-refused", "unknown-subscriber-address"), "\(text())")
        #expect(tells("entry-installed", "a1"), "\(text())")
        try scene.leave()
        #expect(tells("member-left", "10.3.1.10"), "\(text())")
        #expect(tells("entry-removed"), "\(text())")
        #expect(!text().contains("neighbor"), "only the topics that were asked for")
        if options.contains("--json") {
            for line in text().split(separator: "\n") {
                #expect(throws: Never.self) { try JSONText.decode(RouterEventDocument.self, from: String(line)) }
            }
        }
    }

    @Test func `a socket nobody answers on ends with its own exit code and a hint`() throws {
        let result = try runCommand([Programs.path("mrpctl"), "show", "groups", "--socket", "/nonexistent/router.sock"])
        #expect(result.status == 3)
        #expect(result.errors.contains("nothing answers"))
        #expect(result.errors.contains("--socket"))
    }
}
