import ArgumentParser
import Lab

struct RepairDemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repair", abstract: "Viewers behind lossy lines, with and without repair.")

    @OptionGroup var options: DemoOptions

    func run() throws {
        var plan = DeploymentPlan()
        plan.pool.repair = RepairDemo.repair
        var demo: RepairDemo?
        try options.run(plan: plan) { stage in
            let story = RepairDemo(stage)
            demo = story
            try story.run()
        } hints: { network in
            try demo?.loseOn()
            return [try network.inside("bob", "nft list ruleset")]
        }
    }
}
