import Wire

/// A forwarding entry as it is wanted: packets of the tree that come in on one interface go out of others with TTL
/// threshold 1. Without outputs it keeps a stream nobody wants from being queued.
package struct ForwardingEntry: Hashable, Sendable {
    package var tree: SourceGroup
    package var incoming: InterfaceIndex
    /// Sorted; never holds `incoming`.
    package var outgoing: [InterfaceIndex]

    package init(tree: SourceGroup, incoming: InterfaceIndex, outgoing: [InterfaceIndex]) {
        self.tree = tree
        self.incoming = incoming
        self.outgoing = outgoing
    }

    func names(_ interface: InterfaceIndex) -> Bool { incoming == interface || outgoing.contains(interface) }
}

/// An entry as the kernel has it.
package struct KernelEntry: Hashable, Sendable {
    /// Nil when the interface is gone.
    package var incoming: InterfaceIndex?
    package var outgoing: [InterfaceIndex]
    package var counters: ForwardingCounters

    package init(incoming: InterfaceIndex?, outgoing: [InterfaceIndex], counters: ForwardingCounters = .init()) {
        self.incoming = incoming
        self.outgoing = outgoing.sorted()
        self.counters = counters
    }
}

package struct ForwardingCounters: Hashable, Sendable {
    package var packets: UInt64
    package var bytes: UInt64
    /// Packets that came in on another interface than the entry's.
    package var wrongInterface: UInt64

    package init(packets: UInt64 = 0, bytes: UInt64 = 0, wrongInterface: UInt64 = 0) {
        self.packets = packets
        self.bytes = bytes
        self.wrongInterface = wrongInterface
    }
}

/// One change of the kernel's table.
package enum ForwardingChange: Hashable, Sendable {
    /// Makes the entry what is said here, whatever it was.
    case install(ForwardingEntry)
    /// An entry that is not there counts as removed.
    case remove(SourceGroup)

    package var tree: SourceGroup {
        switch self {
        case .install(let entry): entry.tree
        case .remove(let tree): tree
        }
    }
}

/// Changes to be made in one go, each tree at most once, in order of the trees.
package struct ForwardingBatch: Hashable, Sendable {
    package var number: UInt64
    package var changes: [ForwardingChange]

    package init(number: UInt64, changes: [ForwardingChange]) {
        self.number = number
        self.changes = changes
    }
}

/// A change the kernel refused.
package struct ForwardingFailure: Hashable, Sendable {
    package var tree: SourceGroup
    /// For people, such as the error's name.
    package var problem: String

    package init(tree: SourceGroup, problem: String) {
        self.tree = tree
        self.problem = problem
    }
}
