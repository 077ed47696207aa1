import Clockwork
import ControlProtocol
import LinuxIO
import LiveProxy
import RTP
import Repair
import Wire

/// Where and how one rendition is sent.
package struct RenditionOutput: Hashable, Sendable {
    package var source: IPAddress
    package var group: IPAddress
    package var port: UInt16
    /// The interface the proxy's own packets leave by.
    package var interface: InterfaceIndex
    package var ttl: UInt8
    /// Differentiated services code point, 0...63.
    package var dscp: UInt8
    /// Of the path to the viewers; a datagram must fit.
    package var mtu: Int
    /// Repair packets to send on the ports 2 and 4 above, if any.
    package var fec: FECMatrix?

    package init(
        source: IPAddress, group: IPAddress, port: UInt16, interface: InterfaceIndex, ttl: UInt8 = 16,
        dscp: UInt8 = 34, mtu: Int = 1500
    ) {
        self.source = source
        self.group = group
        self.port = port
        self.interface = interface
        self.ttl = ttl
        self.dscp = dscp
        self.mtu = mtu
    }

    /// What a path must carry: our datagram and the headers of UDP and IP.
    package var requiredMTU: Int {
        let header = group.v4 == nil ? 40 : 20
        return TransportPayload.datagramSize + (fec == nil ? 0 : FECPacket.headerSize) + 8 + header
    }
}

package enum MediaSenderError: Error, Hashable, Sendable, CustomStringConvertible {
    case notMulticast(IPAddress)
    case mixedFamilies
    /// RTP takes an even port (RFC 3550 §11).
    case oddPort(UInt16)
    case mtuTooSmall(mtu: Int, required: Int)
    case tooManyRenditions(limit: Int)
    case stopped
    case system(SystemError)

    package var description: String {
        switch self {
        case .notMulticast(let address): "\(address) is no multicast group"
        case .mixedFamilies: "source and group are of different address families"
        case .oddPort(let port): "port \(port) is odd or too high; RTP takes an even one and repair those above"
        case .mtuTooSmall(let mtu, let required): "an MTU of \(mtu) is too small: datagrams need \(required)"
        case .tooManyRenditions(let limit): "more than \(limit) renditions"
        case .stopped: "the sender has stopped"
        case .system(let error): error.description
        }
    }
}

/// The socket of one rendition. It is connected, which spares the kernel a look-up a train, and bound to the media port,
/// so that a receiver sees the same flow after a restart.
final class RenditionSocket: Sendable {
    /// The kernel drops a train for want of buffer only when the interface is far behind.
    private static let sendBuffer = 1 << 20

    /// Of the media; those of the rest of the rendition lie above.
    private static let highestPort = UInt16.max - RenditionResource.portStride

    let socket: UDPSocket

    convenience init(_ output: RenditionOutput, _ direction: FECDirection) throws(MediaSenderError) {
        var repair = output
        repair.port += direction == .column ? 2 : 4
        try self.init(repair)
    }

    init(_ output: RenditionOutput) throws(MediaSenderError) {
        guard output.group.isMulticast else { throw .notMulticast(output.group) }
        guard (output.group.v4 == nil) == (output.source.v4 == nil) else { throw .mixedFamilies }
        guard output.port % 2 == 0, output.port > 0, output.port <= Self.highestPort else {
            throw .oddPort(output.port)
        }
        guard output.mtu >= output.requiredMTU else {
            throw .mtuTooSmall(mtu: output.mtu, required: output.requiredMTU)
        }
        do throws(SystemError) {
            let opened = try UDPSocket(output.group.v4 == nil ? .v6 : .v4)
            try opened.setReuseAddress()
            try opened.setMulticastInterface(output.interface)
            try opened.setMulticastTTL(output.ttl)
            // Without this the kernel would not forward what a local process sends.
            try opened.setMulticastLoop(true)
            try opened.setDSCP(output.dscp)
            try opened.descriptor.setSendBuffer(bytes: Self.sendBuffer)
            try opened.bind(to: SocketAddress(output.source, port: output.port))
            try opened.connect(to: SocketAddress(output.group, port: output.port, scope: output.interface))
            socket = opened
        } catch {
            throw .system(error)
        }
    }
}
