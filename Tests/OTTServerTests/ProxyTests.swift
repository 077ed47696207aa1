import Authorization
import Clockwork
import ControlProtocol
import OTTServer
import Testing
import Wire

@Suite struct `A live proxy` {
    @Test func `that falls silent is not chosen any more, and is again when it comes back`() {
        var bench = ServerBench()
        bench.register()
        bench.pass(.milliseconds(14_999))
        bench.join()
        #expect(bench.take().codes.isEmpty)
        bench.pass(.milliseconds(1))
        bench.join(as: "bob", from: "10.3.0.6")
        #expect(bench.take().codes == ["proxy-unavailable"])
        bench.register()
        bench.join(as: "bob", from: "10.3.0.6")
        #expect(bench.take().codes.isEmpty)
    }

    @Test func `keeps alive by its reports too`() {
        var bench = ServerBench()
        bench.register()
        bench.pass(.seconds(10))
        bench.report()
        bench.pass(.seconds(10))
        bench.join()
        #expect(bench.take().codes.isEmpty)
    }

    @Test func `that is silent leaves its viewers their authorizations`() {
        var bench = ServerBench()
        bench.serveFirstViewer()
        bench.pass(.seconds(60))
        #expect(bench.core.proxies["north"]?.isRegistered == false)
        #expect(bench.held() != nil)
    }

    @Test func `that is silent for a day is forgotten`() {
        var bench = ServerBench()
        bench.serveFirstViewer()
        bench.pass(.seconds(25 * 3_600))
        #expect(bench.core.proxies.isEmpty)
        let isForgotten = bench.take().contains { if case .store(.forget(proxy: "north")) = $0 { true } else { false } }
        #expect(isForgotten)
    }

    @Test(arguments: [
        ProxyRegistration(name: "", prefixes: [prefix("10.0.0.0/8")], address: address("10.0.0.1")),
        ProxyRegistration(name: "north", prefixes: [], address: address("10.0.0.1")),
        ProxyRegistration(name: "north", prefixes: [prefix("10.0.0.0/8")], address: address("232.0.0.1")),
        ProxyRegistration(name: "north", prefixes: [prefix("10.0.0.0/8")], address: address("0.0.0.0")),
        ProxyRegistration(
            name: "north", prefixes: Array(repeating: prefix("10.0.0.0/8"), count: 257), address: address("10.0.0.1")),
    ])
    func `with an impossible registration is refused`(registration: ProxyRegistration) {
        var bench = ServerBench()
        bench.handle(.proxyRegistered(registration))
        #expect(bench.take().refusals == ["bad-registration"])
        #expect(bench.core.proxies.isEmpty)
    }

    @Test func `beyond the limit is refused, one that is known is not`() {
        var settings = OTTServerSettings()
        settings.maximumProxies = 2
        var bench = ServerBench(settings: settings)
        for name in ["a", "b", "c", "a"] { bench.register(name) }
        #expect(bench.take().refusals == ["too-many-proxies"])
    }

    private static let faults: [(String, @Sendable (inout ProxyReport) -> Void)] = [
        ("a resource of another channel", { $0.allocations[0].channel = channel("acme/two") }),
        ("a group that is none", { $0.change { $0.renditions[0].group = address("10.0.0.1") } }),
        ("a source that is a group", { $0.change { $0.renditions[0].source = address("232.0.0.1") } }),
        ("an odd port", { $0.change { $0.renditions[0].port = 5_001 } }),
        ("port zero", { $0.change { $0.renditions[0].port = 0 } }),
        ("no rendition", { $0.change { $0.renditions = [] } }),
        ("too many renditions", { $0.change { $0.renditions = Array(repeating: $0.renditions[0], count: 17) } }),
        ("a serial that would overflow", { $0.allocations[0].serial = .max }),
        ("a point without a name", { $0.replicationPoints[0].name = "" }),
        ("too many allocations", { $0.allocations = Array(repeating: $0.allocations[0], count: 10_001) }),
        (
            "too many points",
            { $0.replicationPoints = Array(repeating: $0.replicationPoints[0], count: 1_025) }
        ),
    ]

    @Test(arguments: faults.indices)
    func `with an impossible report is refused, and nothing of it is believed`(
        row: Int
    ) {
        let (name, spoil) = Self.faults[row]
        var bench = ServerBench()
        bench.register()
        bench.join()
        var report = ProxyReport(
            position: bench.core.proxies["north"]?.feed.position ?? FeedPosition(epoch: "", revision: 0),
            allocations: [
                ProxyReport.Allocation(
                    channel: channel("acme/one"), serial: 1, outcome: .allocated(resource: resource("acme/one")))
            ],
            replicationPoints: [
                ReplicationPointStatus(name: "p", prefixes: [prefix("10.3.0.0/16")], httpBase: nil, applied: 1)
            ])
        spoil(&report)
        bench.handle(.proxyReported(name: "north", report: report))
        let actions = bench.take()
        #expect(actions.refusals == ["bad-report"], "\(name)")
        #expect(actions.answers.isEmpty, "\(name)")
        #expect(bench.core.counters.reportsRefused == 1)
    }

    @Test func `must register before it reports`() {
        var bench = ServerBench()
        bench.handle(
            .proxyReported(
                name: "north",
                report: ProxyReport(
                    position: FeedPosition(epoch: "a", revision: 0), allocations: [], replicationPoints: [])))
        #expect(bench.take().refusals == ["unknown-proxy"])
    }
}

extension ProxyReport {
    fileprivate mutating func change(_ change: (inout MulticastResource) -> Void) {
        guard case .allocated(var resource) = allocations[0].outcome else { return }
        change(&resource)
        allocations[0].outcome = .allocated(resource: resource)
    }
}

@Suite struct `A restart of the server` {
    /// A second life that begins with what the first one stored, action by action.
    private func restarted(after bench: inout ServerBench) throws -> ServerBench {
        var stored: [String: StoredProxy] = [:]
        for action in bench.take() {
            guard case .store(let change) = action else { continue }
            switch change {
            case .registration(let registration, let position, let nextSerial):
                stored[registration.name] = StoredProxy(
                    registration: registration, position: position, nextSerial: nextSerial,
                    items: stored[registration.name]?.items ?? [])
            case .items(let proxy, let position, let nextSerial, let upserts, let removals):
                let keys = Set(upserts.map(\.key) + removals)
                var kept = try #require(stored[proxy])
                kept.items = kept.items.filter { !keys.contains($0.key) } + upserts
                kept.position = position
                kept.nextSerial = nextSerial
                stored[proxy] = kept
            case .forget(let proxy): stored[proxy] = nil
            }
        }
        return ServerBench(stored: stored.values.sorted { $0.registration.name < $1.registration.name }, seed: 2)
    }

    @Test func `loses no authorization, and a proxy that missed nothing is sent nothing`() throws {
        var first = ServerBench()
        first.serveFirstViewer()
        let position = first.core.proxies["north"]?.feed.position
        let second = try restarted(after: &first)
        #expect(second.held() == first.held())
        #expect(second.core.catchUp(proxy: "north", from: position) == [])
        #expect(second.core.proxies["north"]?.nextSerial == first.core.proxies["north"]?.nextSerial)
    }

    @Test func `lets a join wait for the proxy to come back and report`() throws {
        var first = ServerBench()
        first.serveFirstViewer()
        var second = try restarted(after: &first)
        second.join()
        #expect(second.take().answers.isEmpty)
        second.register()
        second.report(second.outcomes("acme/one"))
        #expect(second.take().answers.count == 1)
    }

    @Test func `ends an authorization whose time ran out meanwhile`() throws {
        var first = ServerBench()
        first.serveFirstViewer()
        var second = try restarted(after: &first)
        second.now = second.now + .seconds(3_600)
        second.handle(.tick)
        #expect(second.held() == nil)
    }

    @Test func `without its store begins a new epoch and repeats no serial the proxy knows`() {
        var bench = ServerBench(seed: 2)
        bench.register()
        bench.report("north", [("acme/one", 7, .allocated(resource: resource("acme/one")))], epoch: "other")
        #expect(bench.core.counters.reportsOutdated == 1)
        bench.join()
        #expect(bench.take().allocations.map(\.serial) == [8])
    }

    @Test func `is prepared when the store fails: followers go on under a new epoch with all items`() throws {
        var bench = ServerBench()
        bench.serveFirstViewer()
        let before = try #require(bench.core.proxies["north"]?.feed)
        _ = bench.take()
        bench.handle(.storeFailed(proxy: "north"))
        guard case .snapshot(let position, let items) = try #require(bench.take().published.first) else {
            Issue.record("no snapshot was published")
            return
        }
        #expect(position.epoch != before.position.epoch)
        #expect(items == before.current)
        bench.join(as: "bob", from: "10.3.0.6")
        bench.report("north", bench.outcomes("acme/one"), applied: 99, epoch: before.position.epoch)
        #expect(bench.take().answers.isEmpty, "what was applied of the old epoch says nothing of the new one")
        bench.report(bench.outcomes("acme/one"))
        #expect(bench.take().answers.count == 1)
    }
}
