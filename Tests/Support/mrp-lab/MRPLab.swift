import ArgumentParser

/// Runs the demos; started by `scripts/demo` inside a sandbox.
@main
struct MRPLab: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mrp-lab", abstract: "Networks of namespaces for demos.",
        subcommands: [
            MulticastDemoCommand.self, UnicastDemoCommand.self, RepairDemoCommand.self, ReceiveCommand.self,
        ])
}
