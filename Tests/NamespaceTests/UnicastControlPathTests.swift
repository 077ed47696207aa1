import Foundation
import Lab
import Testing

extension MetroSuite {
    /// Python's own HTTP client follows redirects as a player does; prints the last URL, the status and the body.
    private static let fetcher = """
        import sys, urllib.request, urllib.error
        try:
            answer = urllib.request.urlopen(sys.argv[1], timeout=15)
        except urllib.error.HTTPError as error:
            answer = error
        print(answer.geturl(), answer.status)
        print(answer.read().decode())
        """

    private static func fetch(_ url: String, as viewer: String, in deployment: MetroDeployment) throws -> String {
        try runCommand(deployment.metro.viewer(viewer).inside(["python3", "-c", fetcher, url])).output
    }

    private static func token(of viewer: String, in deployment: MetroDeployment) throws -> String {
        try String(contentsOfFile: deployment.metro.viewer(viewer).path("token"), encoding: .utf8)
            .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    @Test func `a stock client is led to its own replication point, and ffprobe finds the channel by its SDP`() throws {
        try Self.withDeployment("lead") { deployment in
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

            let alice = try Self.token(of: "alice", in: deployment)
            let probe = [
                "timeout", "30", "ffprobe", "-v", "error", "-protocol_whitelist", "http,tcp,rtp,udp,file",
                "-show_entries", "stream=codec_name,width", "-of", "csv=p=0", "-f", "sdp",
                "\(server)\(path)/180p.sdp?token=\(alice)",
            ]
            let probed = try runCommand(deployment.metro.viewer("alice").inside(probe))
            #expect(probed.output.contains("h264,320"), "\(probed.output) \(probed.errors)")
        }
    }
}
