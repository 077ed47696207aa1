import Clockwork
import ControlProtocol
import Glibc
import Wire

/// Values in the words and widths people read.
package enum Words {
    /// Two units at most: `7s`, `2m05s`, `1h02m`, `3d04h`; less than a second counts as `0s`.
    package static func duration(seconds: Double) -> String {
        let whole = Int64(max(0, min(seconds.isFinite ? seconds : 0, 1e12)))
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        switch whole {
        case ..<60: return "\(whole)s"
        case ..<3600: return "\(whole / 60)m\(two(whole % 60))s"
        case ..<86_400: return "\(whole / 3600)h\(two(whole / 60 % 60))m"
        default: return "\(whole / 86_400)d\(two(whole / 3600 % 24))h"
        }
    }

    package static func duration(_ seconds: Double?) -> String {
        seconds.map { duration(seconds: $0) } ?? ""
    }

    /// How long until (or since) a moment of the calendar.
    package static func left(until time: UnixTime?, now: UnixTime) -> String {
        guard let time else { return "" }
        return time < now ? "expired" : duration(seconds: (time - now).seconds)
    }

    /// Local time of day with milliseconds.
    package static func timeOfDay(_ time: UnixTime) -> String {
        var seconds = time_t(time.milliseconds / 1000)
        var parts = tm()
        localtime_r(&seconds, &parts)
        func digits(_ number: some BinaryInteger, _ width: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        let clock = [parts.tm_hour, parts.tm_min, parts.tm_sec].map { digits($0, 2) }.joined(separator: ":")
        return clock + "." + digits(time.milliseconds % 1000, 3)
    }

    package static func tree(_ source: IPAddress?, _ group: IPAddress) -> String {
        SourceGroup(source: source, group: group).description
    }

    package static func port(_ interface: String, _ bridgePort: String?) -> String {
        bridgePort.map { "\(interface)/\($0)" } ?? interface
    }

    package static func addresses(_ addresses: [IPAddress]) -> String {
        addresses.map(\.description).joined(separator: ",")
    }

    package static func count(_ number: (some BinaryInteger)?) -> String {
        number.map { "\($0)" } ?? ""
    }

    package static func binding(_ binding: SubscriberBinding) -> String {
        var parts = binding.addresses.map(\.description)
        if let mac = binding.mac { parts.append(mac.description) }
        if let interface = binding.interface { parts.append(port(interface, binding.bridgePort)) }
        return parts.joined(separator: ",")
    }

    package static func counted(_ number: Int, _ noun: String) -> String {
        "\(number) \(noun)\(number == 1 ? "" : "s")"
    }
}
