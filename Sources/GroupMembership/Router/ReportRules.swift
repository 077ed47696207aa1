import Clockwork
import Wire

/// Who reports, and what is declared of the port.
struct Reporter: Sendable {
    var host: IPAddress
    var port: OutputPort
    /// Of the message.
    var version: MembershipVersion
    var isSingleHost: Bool
}

/// What the reports of one packet are applied with.
struct ReportRules: Sendable {
    let now: Instant
    /// Now and the group membership interval.
    let memberUntil: Instant
    let isQuerier: Bool
    let timers: MembershipTimers
    let limits: MembershipLimits
    let immediateLeave: Bool
    let explicitTracking: Bool

    init(now: Instant, timers: MembershipTimers, isQuerier: Bool, configuration: MembershipConfiguration) {
        self.now = now
        self.timers = timers
        self.isQuerier = isQuerier
        memberUntil = timers.memberUntil(now)
        limits = configuration.limits
        immediateLeave = configuration.immediateLeave
        explicitTracking = configuration.explicitTracking
    }
}
