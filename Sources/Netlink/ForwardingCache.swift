import CSystemShims
import Glibc
import LinuxIO
import Wire

/// What an entry of the kernel's multicast forwarding cache (MFC) is found by; source 0.0.0.0 stands for any.
package struct ForwardingKey: Hashable, Sendable, Comparable, CustomStringConvertible {
    package var source: IPv4Address
    package var group: IPv4Address

    package init(source: IPv4Address, group: IPv4Address) {
        self.source = source
        self.group = group
    }

    package static func < (left: Self, right: Self) -> Bool { (left.group, left.source) < (right.group, right.source) }
    package var description: String { "(\(source.isUnspecified ? "*" : source.description),\(group))" }
}

/// A change of one entry; setting an entry that is there replaces it, counters kept.
package enum ForwardingChange: Hashable, Sendable {
    /// Packets that come in by `input`, which must have a VIF, leave by `outputs` (VIFs 0 to 30).
    case set(ForwardingKey, input: InterfaceIndex, outputs: VirtualInterfaceSet)
    case remove(ForwardingKey)

    package var key: ForwardingKey {
        switch self {
        case .set(let key, _, _), .remove(let key): key
        }
    }

    fileprivate var isExpressible: Bool {
        guard case .set(_, let input, let outputs) = self else { return true }
        return input.rawValue != 0 && !outputs.contains(.inputOnly)
    }
}

/// A change the kernel refused: ENFILE, the input has no VIF; ENODEV, there is no such interface; ENOENT, no such entry
/// to remove or no such table.
package struct RefusedChange: Error, Hashable, Sendable, CustomStringConvertible {
    package var change: ForwardingChange
    package var errno: CInt

    package init(change: ForwardingChange, errno: CInt) {
        self.change = change
        self.errno = errno
    }

    package var description: String { "\(change.key): \(SystemError(call: "MFC", errno: errno))" }
}

/// An entry as the kernel shows it.
package struct InstalledEntry: Hashable, Sendable {
    package var key: ForwardingKey
    package var table: UInt32
    /// Nil when its VIF is gone, or the entry waits for a router's answer.
    package var input: InterfaceIndex?
    /// In the order of their VIFs. VIFs that are gone do not show, though their bits may still be set.
    package var outputs: [InterfaceIndex]
    package var packets: UInt64
    package var bytes: UInt64
    package var wrongInterface: UInt64
    /// Since the last packet.
    package var idle: Duration
    /// Packets wait for an entry; there is none yet.
    package var isUnresolved: Bool
    /// It outlives the routing socket; nobody of ours sets such entries.
    package var isStatic: Bool
}

/// A VIF as the kernel shows it.
package struct InstalledVirtualInterface: Hashable, Sendable {
    package var number: VirtualInterface
    package var interface: InterfaceIndex
    package var packetsIn: UInt64
    package var bytesIn: UInt64
    package var packetsOut: UInt64
    package var bytesOut: UInt64
}

/// The kernel's multicast forwarding cache of one routing table (0: the default one), programmed in batches.
package final class ForwardingCache {
    package let table: UInt32
    private let netlink: NetlinkSocket
    private var changes: [mrp_mfc_change] = []
    private var results: [Int32] = []

    package init(table: UInt32 = 0) throws(SystemError) {
        self.table = table
        netlink = try NetlinkSocket(groups: [])
    }

    /// Applies the changes in order, a hundred a system call; answers those that were refused, in order. EINVAL also
    /// names an entry that no message can express: VIF 31 as an output, or no input interface. A thrown
    /// error means that the connection failed and what was applied is not known: dump.
    package func apply(_ wanted: [ForwardingChange]) throws(SystemError) -> [RefusedChange] {
        changes.removeAll(keepingCapacity: true)
        changes.reserveCapacity(wanted.count)
        var refused: [(position: Int, errno: CInt)] = []
        for (position, change) in wanted.enumerated() {
            if change.isExpressible {
                changes.append(mrp_mfc_change(change))
            } else {
                refused.append((position, EINVAL))
            }
        }
        try send()
        let unsent = refused.map(\.position)
        for (index, result) in results.prefix(changes.count).enumerated() where result != 0 {
            refused.append((Self.position(ofSent: index, skipping: unsent), CInt(-result)))
        }
        return refused.sorted { $0.position < $1.position }
            .map { RefusedChange(change: wanted[$0.position], errno: $0.errno) }
    }

    private func send() throws(SystemError) {
        if results.count < changes.count { results = Array(repeating: 0, count: changes.count) }
        let (handle, table) = (netlink.handle, table)
        try shimCall("RTM_NEWROUTE") { mrp_mfc_apply(handle, table, changes, UInt32(changes.count), &results) }
    }

    /// Where the change that was sent as number `index` stands among the wanted ones; `unsent` is in order.
    private static func position(ofSent index: Int, skipping unsent: [Int]) -> Int {
        var position = index
        for skipped in unsent where skipped <= position { position += 1 }
        return position
    }

    /// Every entry of the table, in the kernel's order. Nobody is stopped from changing the table meanwhile.
    package func entries() throws(SystemError) -> [InstalledEntry] {
        try repeatWhileStale { () throws(SystemError) in try dump() }
    }

    private func dump() throws(SystemError) -> [InstalledEntry] {
        var entries: [InstalledEntry] = []
        var buffer = [mrp_mfc_entry](repeating: mrp_mfc_entry(), count: 64)
        let (handle, table) = (netlink.handle, table)
        try shimCall("RTM_GETROUTE") { mrp_mfc_dump_start(handle, table) }
        while true {
            let count = try shimCall("RTM_GETROUTE") { mrp_mfc_dump_next(handle, &buffer, UInt32(buffer.count)) }
            if count == 0 { return entries }
            for entry in buffer.prefix(Int(count)) { entries.append(InstalledEntry(entry)) }
        }
    }

    /// The kernel says when a table changed under a dump, which then may lack something.
    private func repeatWhileStale<Result>(
        _ body: () throws(SystemError) -> Result
    ) throws(SystemError) -> Result {
        for _ in 1...3 {
            do throws(SystemError) {
                return try body()
            } catch  where error.errno == ESTALE {
                continue
            }
        }
        return try body()
    }

    /// Every VIF of the table, in order; none when the table does not exist.
    package func virtualInterfaces() throws(SystemError) -> [InstalledVirtualInterface] {
        var buffer = [mrp_mfc_vif](repeating: mrp_mfc_vif(), count: VirtualInterface.limit)
        let (handle, table) = (netlink.handle, table)
        let count = try repeatWhileStale { () throws(SystemError) in
            try shimCall("RTM_GETLINK") { mrp_mfc_vifs(handle, table, &buffer, UInt32(buffer.count)) }
        }
        return buffer.prefix(Int(count)).compactMap(InstalledVirtualInterface.init).sorted { $0.number < $1.number }
    }
}

extension mrp_mfc_change {
    fileprivate init(_ change: ForwardingChange) {
        self.init()
        source = change.key.source.rawValue
        group = change.key.group.rawValue
        switch change {
        case .set(_, let input, let outputs):
            input_ifindex = input.rawValue
            self.outputs = outputs.rawValue
        case .remove:
            remove = 1
        }
    }
}

extension InstalledEntry {
    init(_ entry: mrp_mfc_entry) {
        let outputs = withUnsafeBytes(of: entry.outputs) { bytes in
            bytes.bindMemory(to: UInt32.self).prefix(Int(entry.output_count)).map { InterfaceIndex($0) }
        }
        self.init(
            key: ForwardingKey(
                source: IPv4Address(rawValue: entry.source), group: IPv4Address(rawValue: entry.group)),
            table: entry.table, input: entry.input_ifindex == 0 ? nil : InterfaceIndex(entry.input_ifindex),
            outputs: outputs, packets: entry.packets, bytes: entry.bytes, wrongInterface: entry.wrong_interface,
            idle: .milliseconds(
                Int64(clamping: entry.idle_centiseconds.multipliedReportingOverflow(by: 10).partialValue)),
            isUnresolved: entry.unresolved, isStatic: entry.is_static)
    }
}

extension InstalledVirtualInterface {
    fileprivate init?(_ vif: mrp_mfc_vif) {
        guard let number = VirtualInterface(vif.vif) else { return nil }
        self.init(
            number: number, interface: InterfaceIndex(vif.ifindex), packetsIn: vif.packets_in, bytesIn: vif.bytes_in,
            packetsOut: vif.packets_out, bytesOut: vif.bytes_out)
    }
}
