import Clockwork
import ConfigurationFile
import MRPConfiguration
import Testing

@Suite struct SpellingTests {
    @Test(arguments: [
        ("", "", 0), ("a", "", 1), ("quereir", "querier", 1), ("kitten", "sitting", 3), ("abc", "abc", 0),
    ])
    func `distance counts edits and swaps`(left: String, right: String, distance: Int) {
        #expect(editDistance(left, right) == distance)
        #expect(editDistance(right, left) == distance)
    }

    @Test func `nothing is suggested for a word far from all`() {
        #expect(suggestion(for: "banana", among: ["query-interval", "version"]) == nil)
        #expect(suggestion(for: "query_interval", among: ["query-interval"]) == "query-interval")
        #expect(suggestion(for: String(repeating: "a", count: 100_000), among: ["a"]) == nil)
    }

    @Test(arguments: [
        ("10s", Duration.seconds(10)), ("1500ms", .milliseconds(1_500)), ("1.5s", .milliseconds(1_500)),
        ("2h", .seconds(7_200)), ("1m", .seconds(60)), ("1.000s", .seconds(1)), ("10 s", .seconds(10)),
    ])
    func `durations have units`(text: String, duration: Duration) throws {
        #expect(try interval(text) == duration)
    }

    @Test(arguments: [
        "10", "s", "-1s", "1e3s", "1..5s", ".s", "99999999999999999999s", "9999999999h", "1.5ns", "10sec",
    ])
    func `what is no duration is refused`(text: String) {
        #expect(throws: ConfigurationProblems.self) { try interval(text) }
    }

    private func interval(_ text: String) throws -> Duration? {
        let yaml =
            "node: n\nrouter: {interfaces: {v0: {igmp: {query-max-response-time: 500ms, query-interval: \(text)}}}}"
        return try ConfigurationFile.parse(yaml, file: "f").router?.interfaces.first?.igmp?.queryInterval
    }
}
