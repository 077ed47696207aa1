import ArgumentParser

struct MulticastDemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "multicast", abstract: "One live channel to authorized viewers through the kernel.")

    @OptionGroup var options: DemoOptions

    func run() throws {
        try options.run { stage in
            try MulticastDemo(stage).run()
        } hints: { network in
            [try network.inside("alice", "bash")]
        }
    }
}
