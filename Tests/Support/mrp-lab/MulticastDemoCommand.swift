import ArgumentParser
import Foundation
import Lab

struct MulticastDemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "multicast", abstract: "One live channel to authorized viewers through the kernel.")

    @Option(help: "Folder with the programs.") var programs: String
    @Option(help: "Write the verdict as JSON to this file.") var json: String?
    @Flag(help: "Leave everything running until Enter or Ctrl-C.") var keep = false

    func run() throws {
        let lab = try Lab("d")
        defer { lab.tearDown() }
        let deployment = try MetroDeployment(metro: try MetroTopology(lab), programs: programs)
        let demo = MulticastDemo(deployment: deployment)
        let verdict: Verdict
        do {
            verdict = try demo.run()
        } catch {
            Terminal.line(Terminal.red("the demo could not finish: \(error)"))
            for child in deployment.running.values.sorted(by: { $0.name < $1.name }) {
                Terminal.line(
                    "--- \(child.name)\n\(child.log.split(separator: "\n").suffix(15).joined(separator: "\n"))")
            }
            throw ExitCode(1)
        }
        if let json { try verdict.write(to: json) }
        Terminal.line(
            verdict.holds ? Terminal.green("verdict: everything holds") : Terminal.red("verdict: something failed"))
        if keep { try play(deployment) }
        if !verdict.holds { throw ExitCode(1) }
    }

    /// Tells how to look around, and waits.
    private func play(_ deployment: MetroDeployment) throws {
        let sockets = deployment.sockets.map { "--socket \($0)" }.joined(separator: " ")
        let script = deployment.metro.lab.folder.appendingPathComponent("mrpctl").path
        try "#!/bin/sh\nexec \(deployment.program("mrpctl")) \"$@\" \(sockets)\n"
            .write(toFile: script, atomically: true, encoding: .utf8)
        try check(["chmod", "+x", script])
        Terminal.line(
            """

            Everything keeps running. In another terminal, from the project's folder:
              scripts/lib/enter \(script) show channels
              scripts/lib/enter \(script) show groups
              scripts/lib/enter ip netns exec \(deployment.metro.rp1.namespace) ip mroute show
              scripts/lib/enter ip netns exec \(deployment.metro.lab.name)-alice bash
            Ctrl-C ends it.
            """)
        while true { sleep(3600) }
    }
}
