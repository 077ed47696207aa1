import ControlProtocol
import Wire

/// An explanation for people: a line a step, and the first failing one repeated with what to do.
package enum ExplanationPrinter {
    package static func lines(_ explanation: Explanation, on terminal: Terminal) -> [String] {
        var lines = [terminal.styled("\(explanation.subscriber) → \(explanation.channel)".printable, .heading)]
        for part in explanation.parts {
            lines.append(title(part))
            for step in part.steps { lines.append(line(step, on: terminal)) }
        }
        if !explanation.others.isEmpty { lines.append("elsewhere") }
        for part in explanation.others {
            let last = part.steps.first { $0.state != .ok }
            let summary = last.map { "\($0.name): \($0.detail)" } ?? "all steps hold"
            lines.append("  \(title(part)) — \(summary)".printable)
        }
        return lines + [""] + verdict(explanation, on: terminal)
    }

    private static func title(_ part: Explanation.Part) -> String {
        let tree = part.tree.map { " \($0)" } ?? ""
        return "\(part.element.rawValue)\(part.node.map { " \($0)" } ?? "")\(tree)".printable
    }

    private static func line(_ step: ExplainStep, on terminal: Terminal) -> String {
        let sign: String
        switch step.state {
        case .ok: sign = terminal.styled("✓", .good)
        case .failed: sign = terminal.styled("✗", .bad)
        case .unknown: sign = terminal.styled("?", .doubtful)
        }
        let reason = step.state == .ok ? "" : step.reason.map { " [\($0)]" } ?? ""
        return "  \(sign) " + "\(step.name): \(step.detail)\(reason)".printable
    }

    private static func verdict(_ explanation: Explanation, on terminal: Terminal) -> [String] {
        if let (part, step) = explanation.firstFailure {
            let place = part.node.map { "\(part.element.rawValue) \($0)" } ?? part.element.rawValue
            let first = terminal.styled("fails at \(step.name) (\(place)): \(step.detail)".printable, .bad)
            return [first] + (step.hint.map { ["next: \($0)".printable] } ?? [])
        }
        guard !explanation.isComplete else {
            return [terminal.styled("every step holds: packets flow to this subscriber", .good)]
        }
        let hints = explanation.parts.flatMap(\.steps).filter { $0.state == .unknown }.compactMap(\.hint)
        return [terminal.styled("nothing fails as far as this host can see", .doubtful)]
            + hints.prefix(1).map { "next: \($0)".printable }
    }
}
