import Clockwork

/// How a replication point serves unicast viewers: its section `unicast`.
package struct UnicastConfiguration: Hashable, Sendable {
    /// What becomes of a viewer that cannot keep up.
    package enum SlowClient: String, Hashable, Sendable, CaseIterable {
        /// Moved forward to the newest random-access point.
        case advance
        case close
    }

    /// What is delivered here while somebody plays a channel by HLS.
    package enum HLSRenditions: String, Hashable, Sendable, CaseIterable {
        /// All of them: players choose a rendition by what the line carries, and a switch finds its next segment.
        case all
        /// Those that were asked for: the first switch to another one leaves a gap.
        case requested
    }

    /// How far back playlists go: the time shift.
    package var window: Duration
    /// Length of an HLS segment; equal at all replication points that viewers may be moved between.
    package var segment: Duration
    /// Memory for each rendition, in MiB; it must hold the window.
    package var ringSize: Int
    package var hlsRenditions: HLSRenditions
    package var slowClient: SlowClient
    /// A connection that takes nothing for so long is closed.
    package var stallTimeout: Duration
    package var maximumViewers: Int
    /// Renditions served at once.
    package var maximumRings: Int
    /// Channels a subscriber may have open at once; those of which nothing is read give way to the next.
    package var sessionsPerSubscriber: Int
    /// How long a session stands of which nothing is open or asked.
    package var sessionTimeout: Duration
    /// How long a rendition is still delivered here after its last stream ended.
    package var linger: Duration
    /// HTTP connections from one address at once, before their requests are known.
    package var connectionsPerAddress: Int

    package static let standard = UnicastConfiguration(
        window: .seconds(30), segment: .seconds(2), ringSize: 64, hlsRenditions: .all, slowClient: .advance,
        stallTimeout: .seconds(15), maximumViewers: 10_000, maximumRings: 256, sessionsPerSubscriber: 16,
        sessionTimeout: .seconds(60), linger: .seconds(2), connectionsPerAddress: 256)
}

extension UnicastConfiguration {
    init(reading section: inout SectionReader) {
        let normal = Self.standard
        window = section.value("window", .duration(.seconds(5)...(.seconds(14_400))), default: normal.window)
        segment = section.value("segment", .duration(.milliseconds(500)...(.seconds(20))), default: normal.segment)
        ringSize = section.value("ring-size", .integer(1...16_384), default: normal.ringSize)
        hlsRenditions = section.value("hls-renditions", .choice, default: normal.hlsRenditions)
        slowClient = section.value("slow-client", .choice, default: normal.slowClient)
        stallTimeout = section.value(
            "stall-timeout", .duration(.seconds(1)...(.seconds(300))), default: normal.stallTimeout)
        maximumViewers = section.value("maximum-viewers", .integer(1...100_000), default: normal.maximumViewers)
        maximumRings = section.value("maximum-rings", .integer(1...4_096), default: normal.maximumRings)
        sessionsPerSubscriber = section.value(
            "sessions-per-subscriber", .integer(1...1_024), default: normal.sessionsPerSubscriber)
        sessionTimeout = section.value(
            "session-timeout", .duration(.seconds(10)...(.seconds(3_600))), default: normal.sessionTimeout)
        linger = section.value("linger", .duration(.zero...(.seconds(3_600))), default: normal.linger)
        connectionsPerAddress = section.value(
            "connections-per-address", .integer(1...65_535), default: normal.connectionsPerAddress)
        if window < segment * 3 {
            section.problem(
                "\"\(section.path).window\" must hold three segments: players begin that far from its end", at: "window"
            )
        }
    }
}
