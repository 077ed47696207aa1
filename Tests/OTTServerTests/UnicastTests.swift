import Authorization
import Clockwork
import ControlProtocol
import OTTServer
import Testing
import Wire

@Suite struct `A unicast viewer` {
    private func register(_ bench: inout ServerBench, _ name: String = "north", httpBase: String?) {
        bench.handle(
            .proxyRegistered(
                ProxyRegistration(
                    name: name, prefixes: [prefix("10.3.0.0/16")], address: address("10.255.0.1"), httpBase: httpBase)))
    }

    private func ask(_ bench: inout ServerBench, by proxy: String?, from client: String = "10.3.0.5") {
        bench.handle(
            .clientJoin(
                JoinRequest(
                    id: 900, token: TokenGrant(subscriber: "alice", expires: bench.wallNow + .seconds(600)),
                    record: record("alice"), channel: channel("acme/one"), address: address(client), proxy: proxy)))
    }

    @Test(arguments: ["http://10.0.2.2:8081", "http://10.0.2.2:8081/"])
    func `who joined is told the playlist at its proxy`(base: String) throws {
        var bench = ServerBench()
        register(&bench, httpBase: base)
        bench.join()
        bench.report(bench.outcomes("acme/one"))
        let answer = try #require(bench.take().answers.first).result.get()
        #expect(answer.unicast?.playlist == "http://10.0.2.2:8081/live/acme/one/master.m3u8")
    }

    @Test func `is told of none where the proxy serves no HTTP`() throws {
        var bench = ServerBench()
        bench.serveFirstViewer()
        #expect(try #require(bench.take().answers.first).result.get().unicast == nil)
    }

    @Test(arguments: ["ftp://10.0.2.2", "http://a b", "10.0.2.2:80"])
    func `a proxy that registers no URL as its HTTP base is refused`(base: String) {
        var bench = ServerBench()
        register(&bench, httpBase: base)
        #expect(bench.take().refusals == ["bad-registration"])
    }

    @Test func `is joined on request of its own proxy, and of no other`() {
        var bench = ServerBench()
        bench.register()
        bench.register("south", prefixes: [prefix("10.4.0.0/16")])
        ask(&bench, by: "south")
        #expect(bench.take().codes == ["wrong-proxy"])
        ask(&bench, by: "north")
        bench.report(bench.outcomes("acme/one"))
        #expect(bench.take().answers.count == 1)
    }

    @Test func `outside every prefix is told so only when it is entitled`() {
        var bench = ServerBench()
        bench.register()
        bench.join(from: "192.0.2.7")
        bench.join(from: "192.0.2.7", record: record("alice", entitlements: []))
        #expect(bench.take().codes == [Problem.noProxyCode, "not-entitled"])
    }

    @Test func `sees the channels of its token and entitlements, with the groups they have where it is`() {
        var bench = ServerBench()
        bench.serveFirstViewer()
        func list(
            _ channels: [ChannelScope]? = nil, _ record: SubscriberRecord?, from client: String = "10.3.0.5"
        ) -> [String] {
            let token = TokenGrant(subscriber: "alice", expires: bench.wallNow + .seconds(60), channels: channels)
            return bench.core.channelList(
                token: token, record: record, address: address(client), wallNow: bench.wallNow
            ).entries.map { "\($0.description.channel) \($0.resource == nil ? "no group" : "group")" }
        }
        #expect(list(nil, record("alice")) == ["acme/one group", "acme/two no group"])
        #expect(list(nil, record("alice"), from: "192.0.2.7") == ["acme/one no group", "acme/two no group"])
        #expect(list([.channel(channel("acme/two"))], record("alice")) == ["acme/two no group"])
        #expect(list(nil, record("alice", entitlements: [])) == [])
        #expect(list(nil, nil) == [])
    }
}
