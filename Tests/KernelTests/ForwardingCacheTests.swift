import Glibc
import KernelMulticast
import LinuxIO
import Netlink
import Testing
import Wire

func key(_ number: Int) -> ForwardingKey {
    ForwardingKey(source: IPv4Address(10, 1, 0, 10), group: IPv4Address(rawValue: 0xE801_0000 + UInt32(number)))
}

/// A router alone: VIFs 0...2 on three interfaces whose other ends nobody uses.
struct Router: ~Copyable {
    let network: TestNetwork
    let routing: MulticastRoutingSocket
    let cache: ForwardingCache
    let interfaces: [InterfaceIndex]

    init(table: UInt32 = 0, interfaceCount: Int = 3) throws {
        let network = try TestNetwork("router")
        let interfaces = try (0..<interfaceCount).map { number in
            try network.link(("router", "r\(number)", nil), ("router", "x\(number)", nil)).0.index
        }
        let routing = try network.inside("router") { try MulticastRoutingSocket(table: table) }
        for (number, interface) in interfaces.enumerated() { try routing.add(vif(number), for: interface) }
        cache = try network.inside("router") { try ForwardingCache(table: table) }
        self.network = network
        self.interfaces = interfaces
        self.routing = routing
    }
}

@Suite(.needsNamespaces)
struct ForwardingCacheTests {
    @Test func `entries go in, change and go out in batches, and a dump shows them`() throws {
        let router = try Router()
        let (cache, interfaces) = (router.cache, router.interfaces)
        let count = 250
        let set = (0..<count).map { ForwardingChange.set(key($0), input: interfaces[0], outputs: [vif(1), vif(2)]) }
        #expect(try cache.apply(set) == [])
        let entries = try cache.entries()
        #expect(entries.map(\.key).sorted() == (0..<count).map(key))
        #expect(entries.allSatisfy { $0.input == interfaces[0] && $0.outputs == [interfaces[1], interfaces[2]] })
        #expect(entries.allSatisfy { !$0.isStatic && !$0.isUnresolved && $0.packets == 0 })

        let replace = (0..<count).map { ForwardingChange.set(key($0), input: interfaces[2], outputs: [vif(0)]) }
        #expect(try cache.apply(replace) == [])
        let replaced = try cache.entries()
        #expect(replaced.count == count)
        #expect(replaced.allSatisfy { $0.input == interfaces[2] && $0.outputs == [interfaces[0]] })

        #expect(try cache.apply((0..<count).map { .remove(key($0)) }) == [])
        #expect(try cache.entries().isEmpty)
    }

    @Test func `an entry may have no output at all`() throws {
        let router = try Router()
        #expect(try router.cache.apply([.set(key(0), input: router.interfaces[0], outputs: [])]) == [])
        #expect(try router.cache.entries().first?.outputs == [])
    }

    @Test func `each refused change is named, and the others are applied`() throws {
        let router = try Router()
        let (cache, input) = (router.cache, router.interfaces[0])
        let unicast = ForwardingKey(source: v4("10.1.0.10"), group: v4("10.9.9.9"))
        // lo has no VIF; 9999 is no interface.
        var changes: [ForwardingChange] = (0..<150).map { .set(key($0), input: input, outputs: [vif(1)]) }
        changes[3] = .set(key(3), input: InterfaceIndex(1), outputs: [vif(1)])
        changes[4] = .set(key(4), input: InterfaceIndex(9999), outputs: [vif(1)])
        changes[99] = .set(unicast, input: input, outputs: [vif(1)])
        changes[149] = .remove(key(149))
        let refused = try cache.apply(changes)
        #expect(refused.map(\.change) == [3, 4, 99, 149].map { changes[$0] })
        #expect(refused.map(\.errno) == [ENFILE, ENODEV, EINVAL, ENOENT])
        #expect(try cache.entries().count == 146)
    }

    @Test func `every message of a batch may be refused`() throws {
        let router = try Router()
        let changes = (0..<1000).map { ForwardingChange.remove(key($0)) }
        #expect(try router.cache.apply(changes).map(\.change) == changes)
    }

    @Test func `what no message can express is refused beside what the kernel refuses, in order`() throws {
        let router = try Router()
        let input = router.interfaces[0]
        let changes: [ForwardingChange] = [
            .set(key(0), input: input, outputs: [vif(1)]),
            .set(key(1), input: input, outputs: [.inputOnly]),
            .set(key(2), input: InterfaceIndex(0), outputs: [vif(1)]),
            .remove(key(3)),
            .set(key(4), input: input, outputs: [vif(1)]),
            .set(key(5), input: input, outputs: [vif(1), .inputOnly]),
        ]
        let refused = try router.cache.apply(changes)
        #expect(refused.map(\.change) == [1, 2, 3, 5].map { changes[$0] })
        #expect(refused.map(\.errno) == [EINVAL, EINVAL, ENOENT, EINVAL])
        #expect(try router.cache.entries().map(\.key).sorted() == [key(0), key(4)])
        #expect(try router.cache.apply([]).isEmpty)
    }

    @Test func `thirty-one outputs fit one entry, with number 31 as its input`() throws {
        let router = try Router(interfaceCount: 32)
        let outputs = VirtualInterfaceSet((0..<31).map(vif))
        #expect(try router.cache.apply([.set(key(0), input: router.interfaces[31], outputs: outputs)]) == [])
        let entry = try #require(try router.cache.entries().first)
        #expect(entry.outputs == Array(router.interfaces[0..<31]))
        let installed = try router.cache.virtualInterfaces()
        #expect(installed.map(\.number) == (0..<32).map(vif))
        #expect(installed.map(\.interface) == router.interfaces)
    }

    @Test func `another table is another cache`() throws {
        let router = try Router(table: 100)
        #expect(try router.cache.apply([.set(key(0), input: router.interfaces[0], outputs: [vif(1)])]) == [])
        let entries = try router.cache.entries()
        #expect(entries.map(\.table) == [100])
        #expect(try router.cache.virtualInterfaces().count == 3)
        let other = try router.network.inside("router") { try ForwardingCache() }
        #expect(try other.entries().isEmpty)
        #expect(try other.virtualInterfaces().isEmpty)
    }

    @Test func `a table that does not exist refuses every change`() throws {
        let network = try TestNetwork("router")
        let cache = try network.inside("router") { try ForwardingCache(table: 77) }
        #expect(try cache.apply([.remove(key(0))]).map(\.errno) == [ENOENT])
    }

    @Test func `a second owner of the same table is refused`() throws {
        let router = try Router()
        #expect(throws: SystemError(call: "MRT_INIT", errno: EADDRINUSE)) {
            try router.network.inside("router") { _ = try MulticastRoutingSocket() }
        }
    }

    @Test func `the monitor hears of entries that come, change and go`() throws {
        let router = try Router()
        let (cache, interfaces) = (router.cache, router.interfaces)
        let monitor = try router.network.inside("router") { try ForwardingCacheMonitor() }
        _ = try cache.apply([.set(key(1), input: interfaces[0], outputs: [vif(1)])])
        _ = try cache.apply([.set(key(1), input: interfaces[0], outputs: [vif(1), vif(2)])])
        _ = try cache.apply([.remove(key(1))])
        var heard: [(String, [InterfaceIndex])] = []
        while true {
            let events = monitor.receive()
            if events.isEmpty { break }
            for event in events {
                switch event {
                case .set(let entry): heard.append(("set", entry.outputs))
                case .removed(let entry): heard.append(("removed", entry.outputs))
                default: Issue.record("\(event)")
                }
            }
        }
        #expect(heard.map(\.0) == ["set", "set", "removed"])
        #expect(heard.prefix(2).map(\.1) == [[interfaces[1]], [interfaces[1], interfaces[2]]])
    }

    @Test func `a monitor that was not read asks for a resync, then hears again`() throws {
        let router = try Router()
        let monitor = try router.network.inside("router") { try ForwardingCacheMonitor() }
        let input = router.interfaces[0]
        // Some 900 bytes of the 16 MiB buffer an event, twice over.
        for _ in 0..<4 {
            _ = try router.cache.apply((0..<10_000).map { .set(key($0), input: input, outputs: [vif(1)]) })
        }
        var events: [ForwardingCacheEvent] = []
        while events.last != .resync {
            let more = monitor.receive()
            try #require(!more.isEmpty, "no resync after \(events.count) events")
            events += more
        }
        while !monitor.receive().isEmpty {}
        _ = try router.cache.apply([.remove(key(5))])
        guard case .removed(let entry)? = monitor.receive().first else {
            Issue.record("the removal was not heard")
            return
        }
        #expect(entry.key == key(5))
    }
}
