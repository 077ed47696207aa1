import ArgumentParser
import Foundation
import Lab

/// A bare host: joins a group by the kernel's own means, without asking anybody, and counts what arrives.
struct ReceiveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "receive", abstract: "Join a group as a bare host would and count its packets.")

    @Option(help: "Group to join.") var group: String
    @Option(help: "Source; without it any source of the group.") var source: String?
    @Option(help: "Interface to join on.") var interface: String
    @Option(help: "UDP port.") var port: UInt16 = 5000
    @Option(help: "Seconds to listen.") var seconds: Int = 10
    @Option(help: "Write what RTP packets carry to this file, as it comes.") var output: String?

    func run() throws {
        let socket = try BareHost(group: group, source: source, interface: interface, port: port)
        if let output { try socket.record(to: output) }
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end { socket.receive(milliseconds: 100) }
        Terminal.line("packets \(socket.packets)")
    }
}
