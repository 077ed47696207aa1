import Wire

/// What can fall due; the timers' names are those of RFC 7761 §4.10.
enum PIMTimer: Hashable, Sendable {
    /// HT: the periodic Hello.
    case hello(InterfaceIndex)
    /// A Hello that answers a new or restarted neighbour.
    case triggeredHello(InterfaceIndex)
    /// NLT.
    case neighborLiveness(InterfaceIndex, IPAddress)
    /// JT: the next Join of a wanted tree.
    case join(SourceGroup)
    /// ET.
    case expiry(SourceGroup, InterfaceIndex)
    /// PPT.
    case prunePending(SourceGroup, InterfaceIndex)
}
