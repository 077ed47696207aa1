import ControlProtocol
import OperatorConsole
import Testing
import Wire

@Suite struct ExplanationTests {
    private let tree = SourceGroup(source: .v4(IPv4Address(10, 0, 0, 1)), group: .v4(IPv4Address(232, 0, 0, 1)))

    private func sample(_ state: ExplainStep.State) -> Explanation {
        let report = ExplainStep(
            "report", state, "no report from alice", reason: "no-report", hint: "mrpctl show groups")
        return Explanation(
            subscriber: "alice", channel: "acme/sport",
            parts: [
                Explanation.Part(
                    element: .ottServer, node: "s", steps: [ExplainStep("entitlement", .ok, "entitled")]),
                Explanation.Part(element: .router, node: "r", tree: tree, steps: [report]),
            ])
    }

    @Test func `the first failing step is repeated with the next command`() {
        #expect(
            ExplanationPrinter.lines(sample(.failed), on: .plain) == [
                "alice → acme/sport",
                "ott-server s",
                "  ✓ entitlement: entitled",
                "router r (10.0.0.1,232.0.0.1)",
                "  ✗ report: no report from alice [no-report]",
                "",
                "fails at report (router r): no report from alice",
                "next: mrpctl show groups",
            ])
    }

    @Test(arguments: [
        (ExplainStep.State.ok, "every step holds: packets flow to this subscriber"),
        (.unknown, "nothing fails as far as this host can see"),
    ])
    func `without a failure the verdict says how much was seen`(_ state: ExplainStep.State, _ verdict: String) {
        #expect(ExplanationPrinter.lines(sample(state), on: .plain).contains(verdict))
    }

    @Test(arguments: [
        ("acme/sport", "acme/sport"), ("(10.0.0.1,232.0.0.1)", "(10.0.0.1,232.0.0.1)"),
        ("10.0.0.1,232.0.0.1", "(10.0.0.1,232.0.0.1)"), ("10.0.0.1,10.0.0.2", nil), ("sport", nil), ("a/b/c", nil),
        ("*,232.0.0.1", nil),
    ])
    func `a channel or a tree is read`(_ text: String, _ description: String?) {
        #expect(ExplainTarget(text: text)?.description == description)
    }

    @Test(arguments: [
        (0.4, "0s"), (59.9, "59s"), (125, "2m05s"), (3_725, "1h02m"), (273_600, "3d04h"), (-5, "0s"),
        (Double.infinity, "0s"),
    ])
    func `durations have two units at most`(_ seconds: Double, _ words: String) {
        #expect(Words.duration(seconds: seconds) == words)
    }
}
