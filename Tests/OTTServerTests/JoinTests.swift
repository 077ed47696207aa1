import Authorization
import Clockwork
import ControlProtocol
import OTTServer
import Testing
import Wire

@Suite struct `A channel join` {
    @Test func `asks the proxy to allocate and to authorize, in one change`() throws {
        var bench = ServerBench()
        bench.register()
        bench.join()
        let actions = bench.take()
        let allocation = try #require(actions.allocations.first)
        #expect(allocation.channel == channel("acme/one"))
        #expect(allocation.description == description("acme/one"))
        let join = try #require(actions.joins.first)
        #expect(join.serial == allocation.serial)
        #expect(join.binding.addresses == [address("10.3.0.5")])
        #expect(actions.published.count == 1)
        #expect(actions.answers.isEmpty)
    }

    @Test func `is stored before it is published`() {
        var bench = ServerBench()
        bench.register()
        _ = bench.take()
        bench.join()
        let order = bench.take().compactMap { action -> String? in
            switch action {
            case .store: "store"
            case .publish: "publish"
            default: nil
            }
        }
        #expect(order == ["store", "publish"])
    }

    @Test func `is answered once the resource is allocated and its point has applied the authorization`() throws {
        var bench = ServerBench()
        bench.register()
        let id = bench.join()
        bench.report(bench.outcomes("acme/one"), applied: 0)
        #expect(bench.take().answers.isEmpty, "the point has not applied it")
        bench.report("north", [], applied: 1)
        #expect(bench.take().answers.isEmpty, "nothing is allocated")
        bench.report(bench.outcomes("acme/one"), applied: 1)
        let answer = try #require(bench.take().answers.first)
        #expect(answer.id == id)
        #expect(
            try answer.result.get()
                == JoinAnswer(
                    mediaDescription: description("acme/one"), resource: resource("acme/one"),
                    expires: bench.wallNow + .seconds(3_600)))
    }

    @Test func `waits for the point with the longest prefix, not for any`() {
        var bench = ServerBench()
        bench.register()
        bench.join(from: "10.3.7.5")
        let position = bench.core.proxies["north"]?.feed.position ?? FeedPosition(epoch: "", revision: 0)
        func report(appliedNear: UInt64) -> ProxyReport {
            ProxyReport(
                position: position,
                allocations: [
                    ProxyReport.Allocation(
                        channel: channel("acme/one"), serial: 1, outcome: .allocated(resource: resource("acme/one")))
                ],
                replicationPoints: [
                    ReplicationPointStatus(name: "far", prefixes: [prefix("10.3.0.0/16")], httpBase: nil, applied: 9),
                    ReplicationPointStatus(
                        name: "near", prefixes: [prefix("10.3.7.0/24")], httpBase: nil, applied: appliedNear),
                ])
        }
        bench.handle(.proxyReported(name: "north", report: report(appliedNear: 0)))
        #expect(bench.take().answers.isEmpty)
        bench.handle(.proxyReported(name: "north", report: report(appliedNear: 1)))
        #expect(bench.take().answers.count == 1)
    }

    @Test func `of a channel that is allocated causes no second allocation`() {
        var bench = ServerBench()
        bench.serveFirstViewer()
        _ = bench.take()
        bench.join(as: "bob", from: "10.3.0.6")
        let actions = bench.take()
        #expect(actions.allocations.isEmpty)
        #expect(actions.joins.map(\.subscriber) == ["bob"])
        bench.report(bench.outcomes("acme/one"))
        #expect(bench.take().answers.count == 1)
    }

    @Test func `by a hundred at once causes one allocation, and all are answered`() {
        var bench = ServerBench()
        bench.register()
        for viewer in 1...100 { bench.join(as: "viewer\(viewer)", from: "10.3.0.\(viewer)") }
        let asked = bench.take()
        #expect(asked.allocations.count == 1)
        #expect(asked.joins.count == 100)
        bench.report(bench.outcomes("acme/one"))
        #expect(bench.take().answers.map(\.id) == Array(1...100))
    }

    @Test func `goes to the proxy with the longest prefix`() {
        var bench = ServerBench()
        bench.register("wide", prefixes: [prefix("10.0.0.0/8")])
        bench.register("north")
        bench.join(from: "10.3.0.5")
        bench.join(as: "bob", from: "10.4.0.5")
        #expect(bench.held("alice", at: "north") != nil)
        #expect(bench.held("bob", at: "wide") != nil)
        #expect(bench.held("bob", at: "north") == nil)
    }

    @Test(arguments: [
        ("acme/nine", "alice", "10.3.0.5", "unknown-channel", 404),
        ("acme/one", "nobody", "10.3.0.5", "not-entitled", 403),
        ("acme/one", "alice", "10.9.0.5", "no-proxy-for-address", 404),
    ])
    func `is refused at once with a reason and leaves nothing behind`(
        key: String, subscriber: String, client: String, code: String, status: Int
    ) throws {
        var bench = ServerBench()
        bench.register()
        _ = bench.take()
        bench.join(key, as: subscriber, from: client, isKnown: subscriber != "nobody")
        let actions = bench.take()
        guard case .failure(let problem) = actions.answers.first?.result else {
            Issue.record("it was not refused")
            return
        }
        #expect(problem.code == code)
        #expect(problem.status == status)
        #expect(!problem.detail.isEmpty)
        #expect(actions.published.isEmpty)
        #expect(bench.core.waitingJoins == 0)
        #expect(bench.core.counters.joinsRefused == [code: 1])
    }

    @Test func `names in its refusal what did not come within the deadline`() {
        func code(_ prepare: (inout ServerBench) -> Void) -> [String] {
            var bench = ServerBench()
            bench.register()
            bench.join()
            prepare(&bench)
            bench.pass(.seconds(4))
            bench.register()
            #expect(bench.take().answers.isEmpty, "it gave up too early")
            bench.pass(.seconds(1))
            return bench.take().codes
        }
        #expect(code { _ in } == ["allocation-timeout"])
        #expect(code { $0.report("north", $0.outcomes("acme/one"), points: []) } == ["no-replication-point"])
        #expect(code { $0.report($0.outcomes("acme/one"), applied: 0) } == ["authorization-timeout"])
    }

    @Test func `fails with the proxy's reason when it refuses, and the next one asks anew`() {
        var bench = ServerBench()
        bench.register()
        bench.join()
        bench.join(as: "bob", from: "10.3.0.6")
        _ = bench.take()
        bench.report([("acme/one", 1, .refused(reason: "pool-exhausted"))])
        let actions = bench.take()
        #expect(actions.codes == ["allocation-refused", "allocation-refused"])
        #expect(Set(actions.removals).count == 3)
        bench.join()
        #expect(bench.take().allocations.map(\.serial) == [2])
    }

    @Test func `that the requester gave up is not answered`() {
        var bench = ServerBench()
        bench.register()
        let id = bench.join()
        bench.handle(.clientGone(id: id))
        bench.report(bench.outcomes("acme/one"))
        bench.pass(.seconds(10))
        #expect(bench.take().answers.isEmpty)
        #expect(bench.held() != nil)
    }

    @Test func `is refused where too many wait already`() {
        var settings = OTTServerSettings()
        settings.maximumWaitingJoins = 3
        var bench = ServerBench(settings: settings)
        bench.register()
        for viewer in 1...4 { bench.join(as: "viewer\(viewer)", from: "10.3.0.\(viewer)") }
        #expect(bench.take().codes == ["too-many-waiting"])
    }

    @Test func `is refused where the proxy has as many items as it may`() {
        var settings = OTTServerSettings()
        settings.maximumItemsPerProxy = 3
        var bench = ServerBench(settings: settings)
        bench.register()
        for viewer in 1...3 { bench.join(as: "viewer\(viewer)", from: "10.3.0.\(viewer)") }
        #expect(bench.take().codes == ["too-many-authorizations"])
    }
}
