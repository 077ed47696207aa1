import KernelMulticast
import LinuxIO
import MulticastRouting
import Netlink
import Wire

/// One multicast routing table of the kernel: its owner's socket, its VIFs and its entries.
final class ForwardingPlane {
    let socket: MulticastRoutingSocket
    let table: UInt32
    /// Whether the table was taken over from an earlier life of this program.
    let isAdopted: Bool
    private let cache: ForwardingCache
    private var virtualInterfaces: VirtualInterfaceTable
    /// Entries that were found and not written since: they may carry bits that no dump shows.
    private var unwritten: Set<ForwardingKey> = []

    /// - Parameter kept: the routing socket of an earlier life, where somebody kept it.
    init(table: UInt32, adopting kept: SharedDescriptor?) throws(SystemError) {
        self.table = table
        isAdopted = kept != nil
        cache = try ForwardingCache(table: table)
        if let kept {
            socket = try MulticastRoutingSocket(adopting: kept.descriptor.duplicate())
            let installed = try cache.virtualInterfaces().map { ($0.number, $0.interface) }
            virtualInterfaces = VirtualInterfaceTable(
                adopting: Dictionary(installed, uniquingKeysWith: { first, _ in first }))
        } else {
            socket = try MulticastRoutingSocket(table: table)
            // Static leftovers of programs that are gone would forward again from now on.
            try socket.flush()
            virtualInterfaces = VirtualInterfaceTable()
        }
    }

    /// What the table holds, at the start.
    func found() throws(SystemError) -> KernelForwardingState {
        let entries = try self.entries()
        unwritten = Set(try cache.entries().filter { !$0.isUnresolved }.map(\.key))
        releaseRestingNumbers()
        return KernelForwardingState(
            virtualInterfaces: virtualInterfaces.assignments.map(\.interface), entries: entries)
    }

    /// The table as it is now, without entries that wait for an answer.
    func entries() throws(SystemError) -> [SourceGroup: KernelEntry] {
        var entries: [SourceGroup: KernelEntry] = [:]
        for entry in try cache.entries() where !entry.isUnresolved { entries[entry.tree] = entry.kernelEntry }
        return entries
    }

    func interface(of number: VirtualInterface) -> InterfaceIndex? { virtualInterfaces.interface(of: number) }
    func number(of interface: InterfaceIndex) -> VirtualInterface? { virtualInterfaces.number(of: interface) }

    // MARK: Virtual interfaces

    /// Gives the interface a VIF; the answer is why it could not have one.
    func addVirtualInterface(
        for interface: InterfaceIndex, use: VirtualInterfaceTable.Use
    ) -> String? {
        if virtualInterfaces.number(of: interface) != nil { return nil }
        do {
            let number = try virtualInterfaces.assign(interface, use: use)
            try socket.add(number, for: interface)
            return nil
        } catch {
            virtualInterfaces.release(interface)
            return "\(error)"
        }
    }

    /// Takes the interface's VIF away; no entry names it any more.
    func removeVirtualInterface(of interface: InterfaceIndex) {
        guard let number = virtualInterfaces.release(interface) else { return }
        // With its device the VIF has gone already.
        try? socket.delete(number)
        virtualInterfaces.confirmUnreferenced([number])
    }

    /// Numbers that rest since the adoption are free once every entry found then was written anew.
    private func releaseRestingNumbers() {
        guard unwritten.isEmpty else { return }
        virtualInterfaces.confirmUnreferenced(virtualInterfaces.resting)
    }

    // MARK: Entries

    /// Makes the changes of all batches in one go; answers the failures of each batch, in order.
    func program(_ batches: [ForwardingBatch]) -> [(number: UInt64, failures: [ForwardingFailure])] {
        var wanted: [Netlink.ForwardingChange] = []
        var failures: [SourceGroup: String] = [:]
        for change in batches.flatMap(\.changes) {
            do throws(ChangeError) {
                wanted.append(try translate(change))
            } catch {
                failures[change.tree] = error.rawValue
            }
        }
        do throws(SystemError) {
            for refused in try cache.apply(wanted) where !refused.isAbsentAlready {
                failures[refused.change.key.tree] = SystemError(call: "MFC", errno: refused.errno).description
            }
        } catch {
            for change in wanted { failures[change.key.tree] = error.description }
        }
        if !unwritten.isEmpty { noteWritten(wanted.map(\.key), failures) }
        guard !failures.isEmpty else { return batches.map { ($0.number, []) } }
        return batches.map { batch in
            let failed = batch.changes.compactMap { change in
                failures[change.tree].map { ForwardingFailure(tree: change.tree, problem: $0) }
            }
            return (batch.number, failed)
        }
    }

    private func noteWritten(_ keys: [ForwardingKey], _ failures: [SourceGroup: String]) {
        for key in keys where failures[key.tree] == nil { unwritten.remove(key) }
        releaseRestingNumbers()
    }

    private enum ChangeError: String, Error {
        case notIPv4 = "not an IPv4 entry"
        case noVirtualInterface = "an interface has no virtual interface"
    }

    private func translate(
        _ change: MulticastRouting.ForwardingChange
    ) throws(ChangeError) -> Netlink.ForwardingChange {
        guard let key = ForwardingKey(change.tree) else { throw .notIPv4 }
        switch change {
        case .remove: return .remove(key)
        case .install(let entry):
            var outputs = VirtualInterfaceSet()
            for interface in entry.outgoing {
                guard let number = virtualInterfaces.number(of: interface) else { throw .noVirtualInterface }
                outputs.insert(number)
            }
            guard virtualInterfaces.number(of: entry.incoming) != nil else { throw .noVirtualInterface }
            return .set(key, input: entry.incoming, outputs: outputs)
        }
    }
}

extension RefusedChange {
    private static let noSuchEntry: CInt = 2

    /// An entry that was to be removed and is not there.
    fileprivate var isAbsentAlready: Bool {
        if case .remove = change { return errno == Self.noSuchEntry }
        return false
    }
}

extension ForwardingKey {
    /// Nil for what the IPv4 table cannot hold.
    init?(_ tree: SourceGroup) {
        guard let group = tree.group.v4 else { return nil }
        guard let source = tree.source else {
            self.init(source: .unspecified, group: group)
            return
        }
        guard let source = source.v4 else { return nil }
        self.init(source: source, group: group)
    }

    var tree: SourceGroup { SourceGroup(source: source.isUnspecified ? nil : .v4(source), group: .v4(group)) }
}

extension InstalledEntry {
    var tree: SourceGroup { key.tree }

    var kernelEntry: KernelEntry {
        KernelEntry(
            incoming: input, outgoing: outputs,
            counters: ForwardingCounters(packets: packets, bytes: bytes, wrongInterface: wrongInterface))
    }
}
