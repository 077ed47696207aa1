import Clockwork

/// The intervals of RFC 3376 §8, computed from the configuration and from what the querier announces.
struct MembershipTimers: Equatable, Sendable {
    /// An announced query interval above this is taken for this, so that no packet can keep memberships for hours.
    static let longestAdoptedQueryInterval = Duration.seconds(600)

    let robustnessVariable: Int
    let queryInterval: Duration
    let queryMaxResponseTime: Duration
    let lastMemberQueryInterval: Duration
    let lastMemberQueryCount: Int
    let startupQueryInterval: Duration
    let startupQueryCount: Int

    /// `robustnessVariable` and `queryInterval` are the elected querier's where that is another router
    /// (RFC 3376 §4.1.6 and §4.1.7).
    init(
        _ configuration: MembershipConfiguration, robustnessVariable: Int? = nil, queryInterval: Duration? = nil
    ) {
        let robustness = robustnessVariable ?? configuration.robustnessVariable
        self.robustnessVariable = robustness
        self.queryInterval =
            queryInterval.map {
                min($0, max(Self.longestAdoptedQueryInterval, configuration.queryInterval))
            } ?? configuration.queryInterval
        queryMaxResponseTime = configuration.queryMaxResponseTime
        lastMemberQueryInterval = configuration.lastMemberQueryInterval
        lastMemberQueryCount = configuration.lastMemberQueryCount ?? robustness
        startupQueryInterval = configuration.startupQueryInterval ?? configuration.queryInterval / 4
        startupQueryCount = configuration.startupQueryCount ?? robustness
        groupMembershipInterval = self.queryInterval * robustness + queryMaxResponseTime
        membershipNanoseconds = groupMembershipInterval.nanoseconds
        otherQuerierPresentInterval = self.queryInterval * robustness + queryMaxResponseTime / 2
        lastMemberQueryTime = lastMemberQueryInterval * lastMemberQueryCount
    }

    let groupMembershipInterval: Duration
    private let membershipNanoseconds: Int64
    let otherQuerierPresentInterval: Duration
    let lastMemberQueryTime: Duration

    /// When a host heard at `now` is forgotten; RFC 3376 §8.13 gives the older-host-present interval the same length.
    func memberUntil(_ now: Instant) -> Instant { now.advanced(byNanoseconds: membershipNanoseconds) }
}
