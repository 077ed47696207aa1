import Foundation
import Lab

/// From the join of a group to the first picture a decoder can show, with and without a burst from the replication point.
///
/// The stream has a random-access point every two seconds. One viewer by unicast keeps the point's ring filled, as any
/// viewer of a watched channel does; the client joins at moments spread over the stream's picture interval.
enum ZapBench: Bench {
    static let name = "zap"
    static let summary = "join to first picture, with and without a burst"

    private static let rounds = 12
    private static let framesPerPicture = 50

    static func run(_ environment: BenchEnvironment) throws -> [BenchLine] {
        let stage = try ReplicationPointStage(programs: environment.edgePrograms, channels: 1, clients: 8)
        let setting = FanoutSetting(clients: 1, channels: 1)
        try stage.start()
        defer { stage.stop() }
        let load = FanoutLoad(baselines: environment.baselines)
        let source = try load.startSource(setting, at: stage, framesPerPicture: framesPerPicture)
        defer { source.stop() }
        let watching = try load.startClients(setting, at: stage, window: 600)
        defer { watching.stop() }
        usleep(4_000_000)
        var (with, without): ([Session], [Session]) = ([], [])
        for round in 0..<rounds {
            usleep(UInt32(round) * 2_000_000 / UInt32(rounds))
            without.append(try play(at: stage, withBurst: false))
            with.append(try play(at: stage, withBurst: true))
            progress(without[round], with[round])
        }
        return lines(with, without)
    }

    private static func progress(_ without: Session, _ with: Session) {
        let text =
            "  first picture after \(without.picture) ms, with a burst after \(with.picture) ms"
            + " (\(with.burst?.outcome ?? "none"), continuity errors \(with.continuityErrors))\n"
        FileHandle.standardError.write(Data(text.utf8))
    }

    private static func lines(_ with: [Session], _ without: [Session]) -> [BenchLine] {
        let failed = with.count { $0.burst?.outcome != "handed-over" || $0.continuityErrors > 0 }
        return [
            BenchLine(
                name: "\(name) join to first picture, median", unit: "ms",
                ours: FanoutBench.median(with.map(\.picture)), otherName: "without a burst",
                other: FanoutBench.median(without.map(\.picture)), bar: .ratioAtMost(0.25)),
            BenchLine(
                name: "\(name) join to first picture, longest", unit: "ms",
                ours: with.map(\.picture).max() ?? .infinity,
                otherName: "without a burst", other: without.map(\.picture).max() ?? 0, bar: .ratioAtMost(0.25)),
            BenchLine(
                name: "\(name) handovers with a gap or none at all", unit: "sessions", ours: Double(failed),
                bar: .atMost(0)),
        ]
    }

    /// What matters here of a client's report.
    private struct Session: Decodable {
        struct Burst: Decodable {
            var outcome: String
        }

        var firstPictureDelay: Double?
        var continuityErrors: Int
        var burst: Burst?

        private enum CodingKeys: String, CodingKey {
            case firstPictureDelay = "first-picture-delay"
            case continuityErrors = "continuity-errors"
            case burst
        }

        var picture: Double { firstPictureDelay ?? .infinity }
    }

    private static func play(at stage: ReplicationPointStage, withBurst: Bool) throws -> Session {
        let report = stage.viewer.path("report.json")
        let token = try stage.viewer.write("token", stage.token(of: 0) + "\n")
        let burst = withBurst ? ["--fast-zap", "--replication-point", stage.pointBase] : []
        let client = try stage.viewer.start(
            "mrp-client",
            stage.playCommand + [
                "--token-file", token, "--output", "/dev/null", "--json", report, "--duration", "4s",
            ] + burst)
        defer { client.stop() }
        guard client.waitForExit(within: .seconds(20)), client.status == 0 else {
            throw BenchFailure("mrp-client ended with \(client.status):\n\(client.log)")
        }
        return try JSONDecoder().decode(Session.self, from: Data(contentsOf: URL(fileURLWithPath: report)))
    }
}
