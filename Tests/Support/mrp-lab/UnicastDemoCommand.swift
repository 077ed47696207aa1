import ArgumentParser
import Lab

struct UnicastDemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unicast", abstract: "One live channel by multicast, HLS, continuous stream and in a browser.")

    @OptionGroup var options: DemoOptions

    func run() throws {
        if let obstacle = Browser.obstacle { throw ValidationError(obstacle) }
        var plan = DeploymentPlan()
        plan.servesUnicast = true
        try options.run(plan: plan, viewers: MetroTopology.viewers + [MetroTopology.dave]) { stage in
            try UnicastDemo(stage).run()
        } hints: { network in
            let url = try network.deployment.playerURL(of: "bob")
            return [
                try network.inside("bob", "ffplay '\(url)'"), try network.inside("bob", "ffprobe '\(url)'"),
                network.asking("show sessions"), network.asking("entitle carol \(MetroDeployment.channel)"),
            ]
        }
    }
}
