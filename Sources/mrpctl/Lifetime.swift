import ArgumentParser
import MRPConfiguration

/// A lifetime such as `30d`, `12h` or `90s`.
struct Lifetime: ExpressibleByArgument {
    var duration: Duration

    init(_ duration: Duration) {
        self.duration = duration
    }

    init?(argument: String) {
        guard let duration = Units.duration(argument), (.seconds(1)...Self.longest).contains(duration) else {
            return nil
        }
        self.duration = duration
    }

    private static let longest: Duration = .seconds(100 * 365 * 86_400)

    var defaultValueDescription: String {
        let seconds = duration.components.seconds
        return seconds.isMultiple(of: 86_400) ? "\(seconds / 86_400)d" : Units.text(duration)
    }
}
