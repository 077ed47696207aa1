import Foundation
import Lab

/// So many clients, spread evenly over so many channels.
struct FanoutSetting {
    var clients: Int
    var channels: Int

    var text: String {
        channels == 1 ? "\(clients) clients of one channel" : "one client on each of \(channels) channels"
    }

    /// Bits a second of each channel's transport stream.
    static let bitRate = 8_000_000
    static let window = 4.0
    /// From the last client's request to the beginning of the window.
    static let settleTime = 2.5
    static let clientsPerSecond = 500
}

/// What one relay did in one setting.
struct FanoutMeasurement {
    /// Cores kept busy.
    var load: Double
    /// Bytes of its own at the end of the window.
    var memory: Double
    /// Clients that got less than 97 % of the stream in the window, were closed or refused.
    var behind: Int
    /// From a client's connect to its first byte of media, milliseconds, median over clients.
    var firstByte: Double
}

/// The clients and the source of a measurement, which stay off the relay's processor.
struct FanoutLoad {
    /// Folder with the compiled C programs.
    var baselines: String

    /// Runs a relay's programs on the first processor and everything else on the second, all ahead of whatever else the
    /// machine does, so that a compiler beside the bench does not make clients fall behind.
    static func pinned(processor: Int, priority: Int = 1, _ command: [String]) -> [String] {
        ["prlimit", "--nofile=\(descriptorLimit):\(descriptorLimit)", "taskset", "-c", "\(processor)"]
            + (mayRunAhead ? ["chrt", "--rr", "\(priority)"] : []) + command
    }

    private static let descriptorLimit: UInt64 = {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return UInt64(limit.rlim_max)
    }()

    private static let mayRunAhead: Bool = (try? runCommand(["chrt", "--rr", "1", "true"]))?.status == 0

    /// Measures the relay of `stage`, which runs, while its channels are sent and its clients read.
    func measure(_ setting: FanoutSetting, at stage: any FanoutStage) throws -> FanoutMeasurement {
        let source = try startSource(setting, at: stage)
        defer { source.stop() }
        let clients = try startClients(setting, at: stage)
        defer { clients.stop() }
        let output = Self.output(at: stage)
        try wait(for: "begin", in: output, of: clients, atMost: 60)
        let before = try ProcessUsage(of: stage.relay)
        try wait(for: "end", in: output, of: clients, atMost: FanoutSetting.window + 10)
        let after = try ProcessUsage(of: stage.relay)
        let memory = try anonymousMemory(of: stage.relay)
        clients.waitForExit(within: .seconds(10))
        let values = Self.values((try? String(contentsOf: output, encoding: .utf8)) ?? "")
        guard let behind = values["behind"], let first = values["first_median"] else {
            throw BenchFailure("the clients of \(stage.name) said nothing:\n\(clients.log)")
        }
        return FanoutMeasurement(
            load: after.load(since: before), memory: memory, behind: Int(behind), firstByte: first)
    }

    /// Sends the channels of `setting` for five minutes at most.
    func startSource(
        _ setting: FanoutSetting, at stage: any FanoutStage, framesPerPicture: Int = 25
    ) throws -> ChildProcess {
        let groups = try stage.sourceNode.write("groups", stage.groups(setting).joined(separator: "\n") + "\n")
        let command = [
            baselines + "/fanout_source", stage.sourceInterface, groups, "\(FanoutSetting.bitRate)", "300",
            "\(framesPerPicture)",
        ]
        return try stage.sourceNode.start("source", Self.pinned(processor: 1, priority: 2, command))
    }

    func startClients(
        _ setting: FanoutSetting, at stage: any FanoutStage, window: Double = FanoutSetting.window
    ) throws -> ChildProcess {
        let targets = try stage.clientNode.write("targets", stage.targets(setting).joined(separator: "\n") + "\n")
        let command = [
            baselines + "/fanout_clients", stage.relayAddress, "\(stage.relayPort)", targets, "\(setting.clients)",
            "\(FanoutSetting.settleTime)", "\(window)", "\(FanoutSetting.bitRate)",
            "\(FanoutSetting.clientsPerSecond)",
        ]
        return try stage.clientNode.start(
            "clients", Self.pinned(processor: 1, command), output: Self.output(at: stage))
    }

    private static func output(at stage: any FanoutStage) -> URL {
        URL(fileURLWithPath: stage.clientNode.path("clients.out"))
    }

    private func wait(for word: String, in file: URL, of child: ChildProcess, atMost seconds: Double) throws {
        let came = eventually(within: .seconds(seconds)) {
            ((try? String(contentsOf: file, encoding: .utf8)) ?? "").split(separator: "\n").contains { $0 == word }
                || !child.isRunning
        }
        guard came, child.isRunning || word == "end" else {
            throw BenchFailure("the clients did not come to \"\(word)\":\n\(child.log)")
        }
    }

    private static func values(_ text: String) -> [String: Double] {
        let pairs = (text.split(separator: "\n").last ?? "").split(separator: " ").map { $0.split(separator: "=") }
        return Dictionary(
            pairs.compactMap { $0.count == 2 ? (String($0[0]), Double($0[1]) ?? -1) : nil }, uniquingKeysWith: { $1 })
    }
}
