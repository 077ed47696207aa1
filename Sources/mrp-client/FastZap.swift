import ControlProtocol

/// What the receiving loop wants of the burst's connection.
enum BurstRequest: Sendable {
    case start(server: String, path: String)
    /// The group has been met, or the burst was given up.
    case stop
}

/// Where a burst of a rendition is asked for.
struct FastZap: Sendable {
    /// Base of the replication point's URLs, without a slash at its end.
    var replicationPoint: String

    func request(_ answer: JoinAnswer, rendition: String) -> BurstRequest {
        .start(server: replicationPoint, path: "/burst/\(answer.mediaDescription.channel)/\(rendition)")
    }
}
