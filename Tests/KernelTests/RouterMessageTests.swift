import Glibc
import KernelMulticast
import LinuxIO
import Netlink
import Testing
import Wire

@Suite(.needsNamespaces)
struct RouterMessageTests {
    /// An IGMPv3 general query with its checksum (RFC 3376 §4.1).
    let query: [UInt8] = [0x11, 0x64, 0xEC, 0x1E, 0, 0, 0, 0, 2, 125, 0, 0]

    @Test func `an IGMP message leaves by its interface with TTL 1, Router Alert and precedence 6`() throws {
        let street = try Street()
        let other = try street.network.inside("left") { try SharedIGMP() }
        try street.routing.socket.send(query, to: .allHosts, on: street.left)
        let packet = try other.receive()
        #expect(packet[0] == 0x46)
        #expect(packet[1] == 0xC0)
        #expect(packet[8] == 1)
        #expect(packet[9] == 2)
        #expect(Array(packet[12..<16]) == [10, 2, 0, 1])
        #expect(Array(packet[16..<20]) == [224, 0, 0, 1])
        #expect(Array(packet[20..<24]) == [0x94, 0x04, 0, 0])
        #expect(Array(packet[24...]) == query)
    }

    @Test func `a host's report comes up with the interface it came in by`() throws {
        let street = try Street()
        let left = street.left
        var memberships = try street.network.inside("router") {
            var memberships = GroupMemberships()
            try memberships.join(.allIGMPv3Routers, on: left)
            return memberships
        }
        #expect(memberships.count == 1)
        // The viewer's kernel sends a report of its own when it joins.
        let viewer = try street.viewer("left", interface: "l0")
        let heard = try street.routingMessages(1) { $0 == .packet(left) }
        #expect(heard.first == .packet(left))
        memberships.leaveAll(on: left)
        #expect(memberships.count == 0)
        _ = consume viewer
    }

    @Test func `PIM messages reach the neighbour with our address as their source`() throws {
        let street = try Street()
        let left = street.left
        let pim = try street.network.inside("router") { try PIMSocket() }
        let neighbor = try street.network.inside("left") { try PIMSocket() }
        var memberships = try street.network.inside("left") {
            var memberships = GroupMemberships()
            try memberships.join(.allPIMRouters, on: InterfaceIndex(if_nametoindex("l0")))
            return memberships
        }
        // An empty Hello (RFC 7761 §4.9.2).
        let hello: [UInt8] = [0x20, 0, 0xDF, 0xFF]
        try pim.send(hello, on: left, from: v4("10.2.0.1"))
        var batch = try ReceiveBatch.forRouterMessages()
        try neighbor.descriptor.waitUntilReadable(milliseconds: 2000)
        let count = try neighbor.receive(into: &batch)
        #expect(count == 1)
        let source = batch.information(at: 0).source?.address
        #expect(source == address("10.2.0.1"))
        var reader = WireReader(batch.bytes(at: 0))
        let packet = try reader.readBytes(reader.remaining)
        #expect(packet.suffix(4) == hello[...])
        #expect(packet[8] == 1)
        #expect(packet[9] == 103)
        memberships.leave(.allPIMRouters, on: InterfaceIndex(1))
    }

    @Test func `more groups than a socket takes are spread over several`() throws {
        let network = try TestNetwork("router")
        let interfaces = try (0..<31).map {
            try network.link(("router", "a\($0)", nil), ("router", "b\($0)", nil)).0.index
        }
        try network.inside("router") {
            var memberships = GroupMemberships()
            for interface in interfaces {
                for group in [IPv4Address.allRouters, .allPIMRouters, .allIGMPv3Routers] {
                    try memberships.join(group, on: interface)
                    try memberships.join(group, on: interface)
                }
            }
            #expect(memberships.count == 93)
            #expect(memberships.socketCount == 5)
            // What was joined on an interface that vanished gives its place back.
            try NetworkConfiguration().remove(interfaces[0])
            memberships.leaveAll(on: interfaces[0])
            #expect(memberships.count == 90)
            for _ in 0..<3 { try memberships.join(.allRouters, on: interfaces[1]) }
            #expect(memberships.socketCount == 5)
        }
    }

    @Test func `an interface that is not there is refused by name`() throws {
        let street = try Street()
        #expect(throws: SystemError(call: "sendmsg", errno: ENODEV)) {
            try street.routing.socket.send(query, to: .allHosts, on: InterfaceIndex(4242))
        }
        #expect(throws: SystemError(call: "MRT_ADD_VIF", errno: EADDRNOTAVAIL)) {
            try street.routing.socket.add(vif(9), for: InterfaceIndex(4242))
        }
    }
}

/// A host's raw IGMP socket.
final class SharedIGMP {
    private let descriptor: FileDescriptor

    init() throws {
        descriptor = try FileDescriptor.socket(
            family: AF_INET, type: CInt(SOCK_RAW.rawValue), protocol: CInt(IPPROTO_IGMP))
    }

    func receive() throws -> [UInt8] {
        try descriptor.waitUntilReadable(milliseconds: 2000)
        return try descriptor.read(upTo: 2000)
    }
}
