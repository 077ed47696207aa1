import Clockwork
import Wire

/// How PIM runs on one interface; names and defaults as in RFC 9128 and RFC 7761 §4.11.
package struct PIMConfiguration: Sendable, Equatable {
    /// `hello-interval`: between periodic Hellos.
    package var helloInterval: Duration = .seconds(30)
    /// `hello-holdtime`: how long neighbours keep us after a Hello; whole seconds, 1…65534. Three and a half intervals
    /// unless it is set.
    package var helloHoldtime: Duration {
        get { ownHelloHoldtime ?? Self.holdtime(forInterval: helloInterval) }
        set { ownHelloHoldtime = newValue }
    }
    /// The first Hello, and one that answers a new neighbour, waits a random time up to this.
    package var triggeredHelloDelay: Duration = .seconds(5)
    /// `dr-priority`: the highest on a link becomes its designated router.
    package var drPriority: UInt32 = 1
    /// `jp-interval` (t_periodic): between refreshes of a join.
    package var joinPruneInterval: Duration = .seconds(60)
    /// `jp-holdtime`: how long the upstream neighbour keeps a join; whole seconds, 1…65534. Three and a half intervals
    /// unless it is set.
    package var joinPruneHoldtime: Duration {
        get { ownJoinPruneHoldtime ?? Self.holdtime(forInterval: joinPruneInterval) }
        set { ownJoinPruneHoldtime = newValue }
    }
    /// `propagation-delay`: at most 32767 ms.
    package var propagationDelay: Duration = .milliseconds(500)
    /// `override-interval`: within this time a router that still wants a pruned tree says so; at most 65535 ms.
    package var overrideInterval: Duration = .milliseconds(2500)
    /// Sets the T bit of our Hellos: we can go without join suppression. Suppression ends on a link where all set it.
    package var canDisableJoinSuppression = true
    /// Who may become a neighbour; empty lets in every router on a subnet of the interface.
    package var trustedNeighbors: [IPPrefix] = []
    /// Neighbours on this interface.
    package var maxNeighbors = 32
    /// Downstream (S,G) entries on this interface.
    package var maxEntries = 4096
    /// Bytes of an IP packet on this interface; Join/Prune messages are split to fit.
    package var mtu = 1500

    private var ownHelloHoldtime: Duration?
    private var ownJoinPruneHoldtime: Duration?

    package init() {}

    private static func holdtime(forInterval interval: Duration) -> Duration {
        .milliseconds(interval.milliseconds / 2 * 7)
    }
}

extension Duration {
    /// Whole seconds for a holdtime field; the number that means "forever" is never sent.
    var holdtimeField: UInt16 { UInt16(clamping: max(1, min(milliseconds / 1000, 0xFFFE))) }

    /// For a field of 16 bits.
    var millisecondsField: UInt16 { UInt16(clamping: milliseconds) }
}
