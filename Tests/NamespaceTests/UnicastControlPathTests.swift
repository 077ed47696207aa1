import Foundation
import Lab
import Testing

extension MetroSuite {
    /// Python's own HTTP client follows redirects as a player does; prints the last URL, the status and the body.
    static let fetcher = """
        import sys, urllib.request, urllib.error
        try:
            answer = urllib.request.urlopen(sys.argv[1], timeout=15)
        except urllib.error.HTTPError as error:
            answer = error
        print(answer.geturl(), answer.status)
        print(answer.read().decode())
        """

    static func fetch(_ url: String, as viewer: String, in deployment: MetroDeployment) throws -> String {
        try runCommand(deployment.metro.viewer(viewer).inside(["python3", "-c", fetcher, url])).output
    }

    static func token(of viewer: String, in deployment: MetroDeployment) throws -> String {
        try String(contentsOfFile: deployment.metro.viewer(viewer).path("token"), encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    static let unicast: DeploymentPlan = {
        var plan = DeploymentPlan()
        plan.servesUnicast = true
        return plan
    }()

    @Test func `a stock client is led to its own replication point`() throws {
        try Self.withDeployment("lead", plan: Self.unicast) { deployment in
            let path = "/live/\(MetroDeployment.channel)"
            let server = "http://\(MetroTopology.serverAddress):8080"
            let atProxy = "\(MetroDeployment.proxyBase)\(path)/master.m3u8"
            let early = try Self.fetch(atProxy, as: "bob", in: deployment)
            #expect(early.hasPrefix("\(atProxy) 403\n"), "\(early)")
            #expect(early.contains("no-channel-join"))
            for (viewer, point) in [("alice", 1), ("carol", 2)] {
                let token = try Self.token(of: viewer, in: deployment)
                let led = try Self.fetch("\(server)\(path)/master.m3u8?token=\(token)", as: viewer, in: deployment)
                #expect(led.hasPrefix("\(atProxy) 200\n"), "\(led)")
                let base = MetroDeployment.replicationPointBase(point)
                for rung in LiveLadder.rungs {
                    #expect(led.contains("\n\(base)\(path)/\(rung.name)/index.m3u8?grant="), "\(led)")
                }
            }
            let mallory = try Self.token(of: "mallory", in: deployment)
            let refused = try Self.fetch("\(server)\(path)/master.m3u8?token=\(mallory)", as: "mallory", in: deployment)
            #expect(refused.contains(" 403\n"))
            #expect(refused.contains("not-entitled"))
        }
    }

    /// ffmpeg reads `url` for some seconds and decodes every picture; what it has to complain of.
    static func complaints(of url: String, as viewer: String, in deployment: MetroDeployment) throws -> String {
        let result = try runCommand(
            deployment.metro.viewer(viewer).inside([
                "timeout", "40", "ffmpeg", "-nostdin", "-v", "error", "-xerror", "-i", url, "-t", "5", "-f", "null",
                "-",
            ]))
        return result.status == 0 ? result.errors : "exit \(result.status): \(result.errors)"
    }

    @Test func `who cannot receive multicast is served out of the one copy, by HLS and as one stream`() throws {
        try Self.withDeployment("unicast", plan: Self.unicast) { deployment in
            let path = "/live/\(MetroDeployment.channel)"
            let token = try Self.token(of: "bob", in: deployment)
            let alice = try Self.watch("alice", in: deployment, seconds: 40)

            let list = "http://\(MetroTopology.serverAddress):8080\(path)/master.m3u8?token=\(token)"
            let led = try Self.fetch(list, as: "bob", in: deployment)
            let lines = led.split(separator: "\n").map(String.init)
            let media = try #require(lines.first { $0.contains("/180p/index.m3u8?grant=") }, "\(led)")
            #expect(try Self.complaints(of: media, as: "bob", in: deployment) == "")
            let stream = media.replacingOccurrences(of: "/180p/index.m3u8", with: "/180p.ts")
            #expect(try Self.complaints(of: stream, as: "bob", in: deployment) == "")
            // A player that only knows the first address finds its way alone.
            #expect(try Self.complaints(of: list, as: "bob", in: deployment) == "")

            let shown = try deployment.mrpctl("show", "groups", "--json").output
            #expect(shown.contains("\"http\""), "\(shown)")
            let elsewhere = try Self.fetch(media, as: "carol", in: deployment)
            #expect(elsewhere.contains(" 403\n"), "\(elsewhere)")
            let player = try deployment.metro.viewer("bob").start(
                "player",
                ["timeout", "30", "ffmpeg", "-nostdin", "-v", "error", "-i", stream, "-c", "copy", "-f", "null", "-"])
            usleep(2_000_000)
            #expect(player.isRunning, "\(player.log)")
            #expect(try deployment.mrpctl("revoke", "bob", MetroDeployment.channel).status == 0)
            #expect(player.waitForExit(within: .seconds(3)), "the stream goes on after the revocation")
            let denied = try Self.fetch(media, as: "bob", in: deployment)
            #expect(denied.contains(" 403\n"), "\(denied)")
            #expect(alice.child.waitForExit(within: .seconds(60)))
            #expect(try Self.report(deployment, of: "alice")["lost"] as? Int == 0)
        }
    }
}
