import KernelMulticast
import LinuxIO
import Testing
import Wire

struct RoutingMessageTests {
    /// struct igmpmsg: 8 unused bytes, type, zero, VIF low, VIF high, source, group, 8 bytes of the packet.
    static func upcall(type: UInt8, zero: UInt8 = 0, vif: UInt8, vifHigh: UInt8 = 0) -> [UInt8] {
        [0x45, 0, 0, 28, 0, 0, 0, 0, type, zero, vif, vifHigh, 10, 1, 0, 10, 232, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    }

    @Test(arguments: [
        (UInt8(1), Upcall.Kind.noEntry), (2, .wrongInterface), (3, .wholePacket), (4, .wrongInterfaceWholePacket),
    ])
    func `an upcall names its VIF, source and group`(_ type: UInt8, _ kind: Upcall.Kind) throws {
        let message = try RoutingMessage(Self.upcall(type: type, vif: 5).span.bytes, interface: nil)
        let expected = Upcall(
            kind: kind, virtualInterface: vif(5), source: IPv4Address(10, 1, 0, 10), group: IPv4Address(232, 1, 1, 1))
        #expect(message == .upcall(expected))
    }

    @Test func `a message with a protocol number is a packet of its interface`() throws {
        let packet = Self.upcall(type: 1, zero: 2, vif: 0)
        #expect(try RoutingMessage(packet.span.bytes, interface: InterfaceIndex(4)) == .packet(InterfaceIndex(4)))
    }

    @Test(arguments: [
        ([0x45, 0, 0], RoutingMessageError.truncated),
        (Array(upcall(type: 1, vif: 0).prefix(19)), .truncated),
        (upcall(type: 9, vif: 0), .unknownUpcall(9)),
        (upcall(type: 1, vif: 32), .noSuchVirtualInterface(32)),
        (upcall(type: 1, vif: 3, vifHigh: 1), .noSuchVirtualInterface(259)),
        (upcall(type: 1, zero: 2, vif: 0), .noInterface),
    ])
    func `a message that makes no sense is refused with its reason`(
        _ bytes: [UInt8], _ reason: RoutingMessageError
    ) {
        #expect(throws: reason) { try RoutingMessage(bytes.span.bytes, interface: nil) }
    }
}
