import ArgumentParser
import Foundation
import Lab

/// What every demo may be told, and how each is run: in a network of its own, to a verdict.
struct DemoOptions: ParsableArguments {
    @Option(help: "Folder with the programs.") var programs: String
    @Option(help: "Write the verdict as JSON to this file.") var json: String?
    @Flag(help: "Leave everything running until Enter or Ctrl-C.") var keep = false

    /// How long the packager of a kept network runs.
    private static let keptSeconds = 7 * 86_400

    /// - Parameters:
    ///   - story: what is shown; it fills the stage's verdict.
    ///   - hints: lines about what to try while everything keeps running.
    func run(
        plan: DeploymentPlan = DeploymentPlan(), viewers: [MetroTopology.Viewer] = MetroTopology.viewers,
        story: (DemoStage) throws -> Void, hints: (KeptNetwork) throws -> [String]
    ) throws {
        let lab = try Lab("d")
        defer { lab.tearDown() }
        let folder = lab.folder
        Interruption.end { try? FileManager.default.removeItem(at: folder) }
        let metro = try MetroTopology(lab, viewers: viewers)
        let deployment = try MetroDeployment(metro: metro, programs: programs, plan: plan)
        let stage = DemoStage(deployment: deployment, packagerSeconds: keep ? Self.keptSeconds : 300)
        do {
            try story(stage)
        } catch {
            stage.expect("the demo comes to its end", false, "\(error)")
            printLogs(of: deployment)
        }
        let verdict = stage.verdict
        if let json { try verdict.write(to: json) }
        Terminal.line(
            verdict.holds ? Terminal.green("verdict: everything holds") : Terminal.red("verdict: something failed"))
        if keep {
            let network = try KeptNetwork(deployment)
            network.wait(try network.hints + hints(network))
        }
        if !verdict.holds { throw ExitCode(1) }
    }

    private func printLogs(of deployment: MetroDeployment) {
        for child in deployment.running.values.sorted(by: { $0.name < $1.name }) {
            Terminal.line(
                "--- \(child.name)\n\(child.log.split(separator: "\n").suffix(15).joined(separator: "\n"))")
        }
    }
}
