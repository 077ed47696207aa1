import Clockwork
import Wire

/// A cable or a LAN: everything that one attachment sends, all others hear, or not.
struct SimulatedLink {
    enum Attachment: Equatable {
        case router(Int, interface: String)
        case host(Int)
    }

    var attachments: [Attachment] = []
    /// Of a control packet, for each who should hear it.
    var lossPercent = 0
    var duplicatePercent = 0
    /// Packets overtake one another within this time.
    var jitter = Duration.zero
    static let delay = Duration.microseconds(200)

    /// When copies of one packet arrive; none when it is lost.
    func arrivals(from now: Instant, using generator: inout SeededGenerator) -> [Instant] {
        guard Int.random(in: 0..<100, using: &generator) >= lossPercent else { return [] }
        var arrivals = [now + Self.delay + generator.duration(upTo: jitter)]
        if Int.random(in: 0..<100, using: &generator) < duplicatePercent {
            arrivals.append(now + Self.delay + generator.duration(upTo: jitter))
        }
        return arrivals
    }
}
