import Glibc

/// What the output can show: its width, and whether colours mean anything there.
package struct Terminal: Sendable, Hashable {
    /// Columns; nil when the output is not a terminal, and then nothing is dropped or cut.
    package var width: Int?
    package var hasColour: Bool

    package static let plain = Terminal(width: nil, hasColour: false)

    package init(width: Int?, hasColour: Bool) {
        self.width = width
        self.hasColour = hasColour
    }

    /// What standard output is; NO_COLOR (any value that is not empty) and TERM=dumb turn colours off.
    package static func standardOutput(environment: (String) -> String?) -> Terminal {
        guard isatty(STDOUT_FILENO) == 1 else { return .plain }
        var size = winsize()
        let isKnown = ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
        let refusesColour = !(environment("NO_COLOR") ?? "").isEmpty || environment("TERM") == "dumb"
        return Terminal(width: isKnown ? Int(size.ws_col) : 80, hasColour: !refusesColour)
    }
}

/// How a piece of text stands out; always beside a word or a sign that says the same.
package enum Style: Sendable, Hashable {
    case plain, good, bad, doubtful, heading

    fileprivate var code: String? {
        switch self {
        case .plain: nil
        case .good: "32"
        case .bad: "31"
        case .doubtful: "33"
        case .heading: "1"
        }
    }
}

extension Terminal {
    package func styled(_ text: String, _ style: Style) -> String {
        guard hasColour, let code = style.code, !text.isEmpty else { return text }
        return "\u{1B}[\(code)m\(text)\u{1B}[0m"
    }
}

extension String {
    /// The text without control characters, which a name from the network could carry to drive the terminal.
    package var printable: String {
        guard unicodeScalars.contains(where: Self.isControl) else { return self }
        var text = ""
        for scalar in unicodeScalars { text.unicodeScalars.append(Self.isControl(scalar) ? "\u{FFFD}" : scalar) }
        return text
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
    }
}
