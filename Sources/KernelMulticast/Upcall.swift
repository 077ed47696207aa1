import LinuxIO
import Wire

/// What the kernel reports on the routing socket, in the form of an IP packet of protocol 0 (struct igmpmsg).
package struct Upcall: Hashable, Sendable {
    package enum Kind: UInt8, Sendable {
        /// No entry matches a packet; up to four packets of the flow wait ten seconds for one.
        case noEntry = 1
        /// A packet came in by another interface than its entry's; at most one report an entry in three seconds.
        case wrongInterface = 2
        /// A whole packet that an entry sends to a PIM register interface.
        case wholePacket = 3
        case wrongInterfaceWholePacket = 4
    }

    package var kind: Kind
    /// By which VIF the packet came in.
    package var virtualInterface: VirtualInterface
    package var source: IPv4Address
    package var group: IPv4Address

    package init(kind: Kind, virtualInterface: VirtualInterface, source: IPv4Address, group: IPv4Address) {
        self.kind = kind
        self.virtualInterface = virtualInterface
        self.source = source
        self.group = group
    }
}

/// Why a message of the routing socket was dropped.
package enum RoutingMessageError: Error, Hashable, Sendable {
    case truncated
    case unknownUpcall(UInt8)
    case noSuchVirtualInterface(UInt16)
    /// An IGMP packet without the interface it came in by.
    case noInterface
}

/// A message of the routing socket.
package enum RoutingMessage: Hashable, Sendable {
    case upcall(Upcall)
    /// A whole IPv4 packet of protocol IGMP; its header and checksum are not checked yet.
    case packet(InterfaceIndex)
}

extension RoutingMessage {
    /// Tells an upcall from a packet. struct igmpmsg lies over an IPv4 header so that its zero byte stands where a
    /// packet has its protocol number.
    package init(_ bytes: RawSpan, interface: InterfaceIndex?) throws(RoutingMessageError) {
        do {
            var reader = WireReader(bytes)
            try reader.skip(8)
            let kind = try reader.readUInt8()
            let protocolNumber = try reader.readUInt8()
            let lowByte = try reader.readUInt8()
            let highByte = try reader.readUInt8()
            let source = IPv4Address(rawValue: try reader.readUInt32())
            let group = IPv4Address(rawValue: try reader.readUInt32())
            if protocolNumber == 0 {
                self = .upcall(try Upcall(kind, UInt16(highByte) << 8 | UInt16(lowByte), source, group))
                return
            }
        } catch let error as RoutingMessageError {
            throw error
        } catch {
            throw .truncated
        }
        guard let interface else { throw .noInterface }
        self = .packet(interface)
    }
}

extension Upcall {
    fileprivate init(
        _ kind: UInt8, _ number: UInt16, _ source: IPv4Address, _ group: IPv4Address
    ) throws(RoutingMessageError) {
        guard let kind = Kind(rawValue: kind) else { throw .unknownUpcall(kind) }
        guard let virtualInterface = VirtualInterface(number) else { throw .noSuchVirtualInterface(number) }
        self.init(kind: kind, virtualInterface: virtualInterface, source: source, group: group)
    }
}
