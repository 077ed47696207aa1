import ArgumentParser
import Clockwork
import ControlProtocol
import Glibc
import HTTPEdge
import JSONCoding
import LinuxIO
import MRPConfiguration
import OTTClient
import Wire

struct PlayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "play", abstract: "Joins a channel and writes its transport stream.")

    @Argument(help: "The channel as provider/channel.")
    var channel: ChannelArgument
    @OptionGroup var options: ServerOptions
    @Option(help: "Which rendition; without it the one of the highest bandwidth.")
    var rendition: String?
    @Option(help: "A file, - for standard output, or udp://ADDRESS:PORT for a player.")
    var output: OutputArgument = .standardOutput
    @Option(help: "The interface to receive on; without it the one the kernel chooses.")
    var interface: String?
    @Flag(help: "Show a picture at once: begin with a burst from the replication point, then follow the group.")
    var fastZap = false
    @Option(help: "The replication point that the burst is asked of, such as http://10.1.1.1:8080.")
    var replicationPoint: String?
    @Option(help: "Stop after this long, such as 30s.")
    var duration: String?
    @Option(help: "Write the report at the end to this file (- for standard error).", completion: .file())
    var json: String?

    func run() async throws {
        // A player that ends is told of by an error, not by a signal.
        Privileges.ignoreBrokenPipes()
        let limit = try parsedDuration()
        let index = try interfaceIndex()
        let client = try options.client()
        let requester = JoinRequester(
            client: client, server: options.server, token: try options.token(), channel: channel.key)
        // Signals are taken before any other thread exists, so that all of them inherit the mask.
        let session = try PlaySession(
            requester: requester, rendition: rendition, sink: try output.open(), interface: index, limit: limit,
            fastZap: try parsedFastZap())
        let outcome = await session.run()
        await client.shutdown()
        try finish(outcome)
    }

    private func parsedDuration() throws -> Duration? {
        guard let duration else { return nil }
        guard let parsed = Units.duration(duration), parsed > .zero else {
            throw ValidationError("--duration is a time such as 30s or 5m, not \"\(duration)\"")
        }
        return parsed
    }

    private func parsedFastZap() throws -> FastZap? {
        guard fastZap else { return nil }
        guard let replicationPoint, replicationPoint.hasPrefix("http://") else {
            throw ValidationError("--fast-zap needs --replication-point http://ADDRESS:PORT")
        }
        return FastZap(replicationPoint: replicationPoint)
    }

    private func interfaceIndex() throws -> InterfaceIndex {
        guard let interface else { return InterfaceIndex(0) }
        let index = if_nametoindex(interface)
        guard index != 0 else {
            throw ClientFailure(.usage, "there is no interface \"\(interface)\"", hint: "List them with: ip link")
        }
        return InterfaceIndex(index)
    }

    private func finish(_ outcome: PlayOutcome) throws {
        if StandardError.isTerminal { StandardError.print("") }
        if let report = outcome.report {
            if let json { try write(try JSONText.encode(report, indented: true) + "\n", to: json) }
            StandardError.print(report.liveLine(since: nil))
        }
        if let failure = outcome.failure { throw failure }
        guard let report = outcome.report, report.packets > 0 else {
            throw ClientFailure(
                .failed, "nothing was received",
                hint: "Ask the operator why: mrpctl explain SUBSCRIBER \(channel.key)")
        }
    }

    private func write(_ text: String, to path: String) throws {
        guard path != "-" else { return StandardError.print(text) }
        guard let file = fopen(path, "w") else {
            throw ClientFailure(.failed, "\(path): \(String(cString: strerror(errno)))")
        }
        fputs(text, file)
        fclose(file)
    }
}
