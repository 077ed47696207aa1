import Clockwork
import Wire

/// How PIM runs on one interface; names and defaults as in RFC 9128 and RFC 7761 §4.11.
package struct PIMConfiguration: Sendable, Equatable {
    /// `hello-interval`: between periodic Hellos.
    package var helloInterval: Duration = .seconds(30)
    /// `hello-holdtime`: how long neighbours keep us after a Hello; whole seconds, 1…65534. Nil means 3.5 intervals.
    package var helloHoldtime: Duration?
    /// The first Hello, and one that answers a new neighbour, waits a random time up to this.
    package var triggeredHelloDelay: Duration = .seconds(5)
    /// `dr-priority`: the highest on a link becomes its designated router.
    package var drPriority: UInt32 = 1
    /// `jp-interval` (t_periodic): between refreshes of a join.
    package var joinPruneInterval: Duration = .seconds(60)
    /// `jp-holdtime`: how long the upstream neighbour keeps a join; whole seconds, 1…65534. Nil means 3.5 intervals.
    package var joinPruneHoldtime: Duration?
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

    package init() {}

    var helloHoldtimeField: UInt16 { Self.holdtimeField(helloHoldtime, interval: helloInterval) }
    var joinPruneHoldtimeField: UInt16 { Self.holdtimeField(joinPruneHoldtime, interval: joinPruneInterval) }

    /// Whole seconds; the number that means "forever" is never sent.
    private static func holdtimeField(_ holdtime: Duration?, interval: Duration) -> UInt16 {
        let milliseconds = holdtime?.milliseconds ?? interval.milliseconds / 2 * 7
        return UInt16(clamping: max(1, min(milliseconds / 1000, 0xFFFE)))
    }
}

extension Duration {
    /// For a field of 16 bits.
    var millisecondsField: UInt16 { UInt16(clamping: milliseconds) }
}
