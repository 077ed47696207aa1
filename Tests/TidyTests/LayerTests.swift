import Testing

/// Arrows point downwards: what ARCHITECTURE.md promises is held against every import line.
@Suite struct LayerTests {
    /// Layers whose targets are pure: no system, no clock, no chance of their own.
    static let pure: Set<String> = ["foundation", "protocols", "cores", "roles"]
    static let systemModules: Set<String> = [
        "Foundation", "FoundationEssentials", "Glibc", "Dispatch", "Synchronization", "LinuxIO", "CSystemShims",
    ]
    static let edgeModules: Set<String> = [
        "NIOCore", "NIOPosix", "NIOSSL", "NIOHTTP1", "Hummingbird", "HummingbirdTLS", "AsyncHTTPClient",
    ]

    @Test func `every target stands in the table of layers, once`() throws {
        let listed = try Project.layers().flatMap(\.targets)
        #expect(Set(listed).count == listed.count)
        let present = Set(Project.swiftFiles(below: "Sources").map(\.target))
        #expect(present.subtracting(listed) == [])
        #expect(Set(listed).subtracting(present) == ["CSystemShims"])
    }

    @Test func `no layer imports a higher one`() throws {
        let layers = try Project.layers()
        var level: [String: Int] = [:]
        for (index, layer) in layers.enumerated() {
            for target in layer.targets { level[target] = index }
        }
        for file in Project.swiftFiles(below: "Sources") {
            let own = try #require(level[file.target], "\(file.target) has no layer")
            for module in file.imports {
                guard let other = level[module] else { continue }
                #expect(other <= own, "\(file.path) imports \(module) from above")
            }
        }
    }

    @Test func `cores import neither Foundation, Glibc, NIO nor any shell`() throws {
        let pureTargets = try Project.layers().filter { Self.pure.contains($0.name) }.flatMap(\.targets)
        #expect(pureTargets.count >= 12)
        for file in Project.swiftFiles(below: "Sources") where pureTargets.contains(file.target) {
            let forbidden = Set(file.imports).intersection(Self.systemModules.union(Self.edgeModules))
            #expect(forbidden.isEmpty, "\(file.path) imports \(forbidden.sorted())")
        }
    }

    @Test func `NIO, TLS and HTTP are imported by the edge alone`() throws {
        let edge: Set<String> = ["HTTPEdge", "Credentials", "CatalogueStore", "Daemon"]
        for file in Project.swiftFiles(below: "Sources") where !edge.contains(file.target) {
            let found = Set(file.imports).intersection(Self.edgeModules)
            #expect(found.isEmpty, "\(file.path) imports \(found.sorted())")
        }
    }
}
