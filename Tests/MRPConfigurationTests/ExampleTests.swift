import Clockwork
import ConfigurationFile
import ControlProtocol
import MRPConfiguration
import Testing
import Wire

@Suite struct ExampleTests {
    private static let folder =
        String(
            #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/"))
        + "/deploy/examples"

    @Test(arguments: [
        ("replication-point", true, [Role.replicationPoint]), ("live-proxy", true, [.liveProxy]),
        ("ott-server", false, [.ottServer]), ("single-host", true, [.ottServer, .liveProxy, .replicationPoint]),
    ])
    func `an example has no problem and the roles of its name`(name: String, hasRouter: Bool, roles: [Role]) throws {
        let configuration = try ConfigurationFile.load(path: "\(Self.folder)/\(name).yaml")
        #expect(configuration.roles == roles)
        #expect((configuration.router != nil) == hasRouter)
    }

    @Test func `the live proxy's example means what it says`() throws {
        let proxy = try #require(try ConfigurationFile.load(path: "\(Self.folder)/live-proxy.yaml").liveProxy)
        #expect(proxy.ottServers == ["https://10.0.0.1:8443"])
        #expect(proxy.pools.map(\.name) == ["default", "ladder", "legacy"])
        #expect(proxy.pools.map(\.addressing) == [.sourceSpecific, .sourceSpecific, .anySource])
        #expect(proxy.pools[1].layout == .groupPerChannel)
        let news = try #require(ChannelKey(text: "acme/news"))
        #expect(proxy.channelPools == [news: "ladder"])
        #expect(proxy.linger == .seconds(5))
        #expect(proxy.source.trainSpan == .milliseconds(5))
    }

    @Test(arguments: ["replication-point", "single-host"])
    func `a replication point's example delivers to its unicast viewers`(name: String) throws {
        let router = try #require(try ConfigurationFile.load(path: "\(Self.folder)/\(name).yaml").router)
        let delivery = router.interfaces.compactMap(\.delivery)
        #expect(delivery.map(\.address) == [.v4(IPv4Address(10, 255, 1, 1))])
        #expect(delivery.map(\.prefixLength) == [32])
    }

    @Test func `the server's example lists the ladder from best to least`() throws {
        let server = try #require(try ConfigurationFile.load(path: "\(Self.folder)/ott-server.yaml").ottServer)
        let channel = try #require(server.channels.first)
        #expect(channel.description.renditions.map(\.bandwidth) == [6_000_000, 3_000_000, 800_000])
        #expect(server.authorizationLifetime == .seconds(600))
        #expect(server.tokens.algorithm == .es256)
    }

    @Test func `the replication point's example shortens the wait for PIM's first hello`() throws {
        let router = try #require(try ConfigurationFile.load(path: "\(Self.folder)/replication-point.yaml").router)
        #expect(router.interfaces.compactMap(\.pim?.triggeredHelloDelay) == [.milliseconds(100)])
        #expect(MRPConfiguration.PIMConfiguration.standard.triggeredHelloDelay == .seconds(5))
    }

    @Test func `a router works with six lines and the RFCs' defaults`() throws {
        let text = """
            node: r1
            router:
              interfaces:
                viewers0: {igmp: }
                core0:
                  pim:
            """
        let router = try #require(try ConfigurationFile.parse(text, file: "r.yaml").router)
        #expect(router.interfaces.map(\.name) == ["viewers0", "core0"])
        #expect(router.interfaces[0].igmp == .standard)
        #expect(router.interfaces[0].admission == .authorized)
        #expect(router.interfaces[1].pim == .standard)
        #expect(router.controlSocket == "/run/mrp/router.sock")
        #expect(router.limits == .standard)
    }
}
