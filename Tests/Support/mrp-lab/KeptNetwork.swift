import Foundation
import Lab

/// A network that keeps running after its demo, and how to look around in it.
struct KeptNetwork {
    let deployment: MetroDeployment
    /// Scripts with the control sockets and the tokens filled in.
    private let mrpctl, play: String

    init(_ deployment: MetroDeployment) throws {
        self.deployment = deployment
        let lab = deployment.metro.lab
        let sockets = deployment.sockets.map { "--socket \($0)" }.joined(separator: " ")
        mrpctl = try Self.script("mrpctl", in: lab, "exec \(deployment.program("mrpctl")) \"$@\" \(sockets)")
        play = try Self.script(
            "play", in: lab,
            """
            viewer=$1
            shift
            exec ip netns exec \(lab.name)-$viewer \(deployment.program("mrp-client")) play \(MetroDeployment.channel) \\
                --server \(MetroDeployment.serverBase) --interface eth0 \\
                --token-file \(lab.folder.path)/$viewer/token "$@"
            """)
    }

    private static func script(_ name: String, in lab: Lab, _ text: String) throws -> String {
        let path = lab.folder.appendingPathComponent(name).path
        try "#!/bin/sh\n\(text)\n".write(toFile: path, atomically: true, encoding: .utf8)
        try check(["chmod", "+x", path])
        return path
    }

    /// A line that runs `command` at a viewer.
    func inside(_ viewer: String, _ command: String) throws -> String {
        "scripts/lib/enter ip netns exec \(try deployment.metro.viewer(viewer).namespace) \(command)"
    }

    /// A line that asks the operator's tool.
    func asking(_ arguments: String) -> String { "scripts/lib/enter \(mrpctl) \(arguments)" }

    /// What holds for every demo.
    var hints: [String] {
        [
            "scripts/lib/enter \(play) alice --rendition 180p --output /dev/null",
            asking("show channels"), asking("show groups"), asking("explain alice \(MetroDeployment.channel)"),
            "scripts/lib/enter ip netns exec \(deployment.metro.rp1.namespace) ip mroute show",
        ]
    }

    /// Prints the lines and waits until this process is ended.
    func wait(_ lines: [String]) -> Never {
        Terminal.line(
            """

            Everything keeps running. In another terminal, from the project's folder:
            \(lines.map { "  \($0)" }.joined(separator: "\n"))
            Ctrl-C ends it.
            """)
        while true { sleep(3600) }
    }
}
