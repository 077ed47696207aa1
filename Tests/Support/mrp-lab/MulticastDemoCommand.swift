import ArgumentParser
import Foundation
import Lab

struct MulticastDemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "multicast", abstract: "One live channel to authorized viewers through the kernel.")

    @Option(help: "Folder with the programs.") var programs: String
    @Option(help: "Write the verdict as JSON to this file.") var json: String?
    @Flag(help: "Leave everything running until Enter or Ctrl-C.") var keep = false

    /// How long the packager of a kept network runs.
    private static let keptSeconds = 7 * 86_400

    func run() throws {
        let lab = try Lab("d")
        defer { lab.tearDown() }
        let folder = lab.folder
        Interruption.end { try? FileManager.default.removeItem(at: folder) }
        let deployment = try MetroDeployment(metro: try MetroTopology(lab), programs: programs)
        let demo = MulticastDemo(deployment: deployment, packagerSeconds: keep ? Self.keptSeconds : 300)
        do {
            try demo.run()
        } catch {
            demo.fail(error)
            printLogs(of: deployment)
        }
        let verdict = demo.verdict
        if let json { try verdict.write(to: json) }
        Terminal.line(
            verdict.holds ? Terminal.green("verdict: everything holds") : Terminal.red("verdict: something failed"))
        if keep { try play(deployment) }
        if !verdict.holds { throw ExitCode(1) }
    }

    private func printLogs(of deployment: MetroDeployment) {
        for child in deployment.running.values.sorted(by: { $0.name < $1.name }) {
            Terminal.line(
                "--- \(child.name)\n\(child.log.split(separator: "\n").suffix(15).joined(separator: "\n"))")
        }
    }

    /// Tells how to look around, and waits.
    private func play(_ deployment: MetroDeployment) throws {
        let lab = deployment.metro.lab
        let sockets = deployment.sockets.map { "--socket \($0)" }.joined(separator: " ")
        let mrpctl = try script("mrpctl", in: lab, "exec \(deployment.program("mrpctl")) \"$@\" \(sockets)")
        let play = try script(
            "play", in: lab,
            """
            viewer=$1
            shift
            exec ip netns exec \(lab.name)-$viewer \(deployment.program("mrp-client")) play \(MetroDeployment.channel) \\
                --server http://\(MetroTopology.serverAddress):8080 --interface eth0 \\
                --token-file \(lab.folder.path)/$viewer/token "$@"
            """)
        Terminal.line(
            """

            Everything keeps running. In another terminal, from the project's folder:
              scripts/lib/enter \(play) alice --rendition 180p --output /dev/null
              scripts/lib/enter \(mrpctl) show channels
              scripts/lib/enter \(mrpctl) show groups
              scripts/lib/enter \(mrpctl) explain alice \(MetroDeployment.channel)
              scripts/lib/enter ip netns exec \(deployment.metro.rp1.namespace) ip mroute show
              scripts/lib/enter ip netns exec \(lab.name)-alice bash
            Ctrl-C ends it.
            """)
        while true { sleep(3600) }
    }

    private func script(_ name: String, in lab: Lab, _ text: String) throws -> String {
        let path = lab.folder.appendingPathComponent(name).path
        try "#!/bin/sh\n\(text)\n".write(toFile: path, atomically: true, encoding: .utf8)
        try check(["chmod", "+x", path])
        return path
    }
}
