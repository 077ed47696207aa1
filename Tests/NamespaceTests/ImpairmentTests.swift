import Foundation
import Lab
import Testing

extension MetroSuite {
    /// The line harms frames 20 to 219 of alice's stream and passes all others, and bob's loss ends before his session:
    /// whatever was done to the streams lies inside what the clients saw, so their counts must be exact.
    @Test func `clients report exactly what a bad line did to their streams`() throws {
        var plan = DeploymentPlan()
        plan.impairments["alice"] = .init(
            seed: 11,
            options: [
                "--delay", "40", "--reordering", "10", "--duplicates", "10", "--loss", "3", "--udp-port", "5000",
                "--skip", "20", "--count", "200",
            ])
        try Self.withDeployment("bad", plan: plan) { deployment in
            let metro = deployment.metro
            let alice = try Self.watch("alice", in: deployment, seconds: 12)
            let bob = try Self.watch("bob", in: deployment, seconds: 9)
            let loss = try SeededLoss("loss", in: metro.viewer("bob"), on: "eth0", perMille: 100, seed: 5)
            usleep(4_000_000)
            let dropped = try loss.stop()
            for child in [alice.child, bob.child] { #expect(child.waitForExit(within: .seconds(25))) }

            let bobs = try Self.report(deployment, of: "bob")
            #expect(dropped > 0)
            #expect(bobs["lost"] as? Int == dropped)
            #expect(bobs["reordered"] as? Int == 0)
            #expect(bobs["duplicates"] as? Int == 0)

            let line = try #require(metro.lab.node("alice-line").child("mrp-impair"))
            line.send(signal: SIGTERM)
            #expect(line.waitForExit(within: .seconds(3)))
            let alices = try Self.report(deployment, of: "alice")
            try #require(try #require(alices["packets"] as? Int) > 240, "the session ended inside the window")
            let injected = Self.counts(in: line.log)
            for (word, key) in [("lost", "lost"), ("duplicated", "duplicates"), ("reordered", "reordered")] {
                let count = try #require(injected[word], "\(line.log)")
                #expect(count > 0)
                #expect(alices[key] as? Int == count, "\(key): \(line.log)")
            }
        }
    }

    /// "lost 3, duplicated 4" as a dictionary.
    private static func counts(in log: String) -> [String: Int] {
        let pairs = log.split(whereSeparator: { $0 == "," || $0.isNewline }).map { $0.split(separator: " ") }
        return Dictionary(pairs.filter { $0.count == 2 }.map { (String($0[0]), Int($0[1]) ?? -1) }) { $1 }
    }
}
