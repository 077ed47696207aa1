import Glibc
import LinuxIO
import Testing
import Wire

let loopback = IPAddress.v4(IPv4Address(127, 0, 0, 1))

/// A socket bound to a free port of the loopback address, and where to send to.
struct Receiver: ~Copyable {
    let socket: UDPSocket
    let address: SocketAddress

    init() throws {
        let socket = try UDPSocket(.v4)
        try socket.bind(to: SocketAddress(loopback))
        let bound = try socket.localAddress()
        address = try #require(bound)
        self.socket = socket
    }
}

struct UDPSocketTests {
    /// Datagrams on the loopback device are there when the send returns.
    func drain(_ socket: borrowing UDPSocket, _ batch: inout ReceiveBatch) throws -> [[UInt8]] {
        var datagrams: [[UInt8]] = []
        while try batch.fill(from: socket.descriptor) > 0 {
            for index in 0..<batch.count {
                let bytes = batch.bytes(at: index)
                var reader = WireReader(bytes)
                datagrams.append(try reader.readBytes(bytes.byteCount))
            }
        }
        return datagrams
    }

    @Test func `a train arrives as single datagrams, the last one shorter`() throws {
        let receiver = try Receiver()
        let sender = try UDPSocket(.v4)
        let train = (0..<2500).map { UInt8(truncatingIfNeeded: $0) }
        try train.withUnsafeBytes { try sender.sendTrain($0, segmentSize: 1000, to: receiver.address) }
        var batch = try ReceiveBatch(capacity: 8, bufferSize: 2048)
        let datagrams = try drain(receiver.socket, &batch)
        #expect(datagrams.map(\.count) == [1000, 1000, 500])
        #expect(datagrams.flatMap { $0 } == train)
    }

    @Test func `a train too long for one datagram's length field is refused before the kernel sees it`() throws {
        let receiver = try Receiver()
        let train = [UInt8](repeating: 0, count: UDPSocket.bytesPerTrain + 1)
        #expect(throws: SystemError(call: "sendTrain", errno: EMSGSIZE)) {
            try train.withUnsafeBytes { try receiver.socket.sendTrain($0, segmentSize: 1316, to: receiver.address) }
        }
    }

    @Test func `a merged datagram tells the size of its segments`() throws {
        let receiver = try Receiver()
        try receiver.socket.setReceiveOffload()
        let sender = try UDPSocket(.v4)
        let train = [UInt8](repeating: 0x47, count: 7 * 1316)
        try train.withUnsafeBytes { try sender.sendTrain($0, segmentSize: 1316, to: receiver.address) }
        var batch = try ReceiveBatch(capacity: 8, bufferSize: 65_535)
        let received = try batch.fill(from: receiver.socket.descriptor)
        #expect(received == 1)
        let length = batch.bytes(at: 0).byteCount
        #expect(length == train.count)
        let information = batch.information(at: 0)
        #expect(information.segmentSize == 1316)
    }

    @Test func `one batch sends datagrams and trains to several destinations`() throws {
        let first = try Receiver()
        let second = try Receiver()
        let sender = try UDPSocket(.v4)
        var sending = try SendBatch(capacity: 3)
        let train = [UInt8](repeating: 1, count: 30)
        let result = train.withUnsafeBytes { bytes in
            let taken = [
                sending.append(bytes, segmentSize: 10, to: first.address),
                sending.append(bytes, segmentSize: 0, to: second.address),
                sending.append(UnsafeRawBufferPointer(rebasing: bytes[..<5]), segmentSize: 10, to: first.address),
                sending.append(bytes, segmentSize: 10, to: second.address),
            ]
            #expect(taken == [true, true, true, false])
            return sending.flush(to: sender)
        }
        #expect(result.sent == 3)
        #expect(result.failure == nil)
        var batch = try ReceiveBatch(capacity: 8, bufferSize: 2048)
        let toFirst = try drain(first.socket, &batch)
        let toSecond = try drain(second.socket, &batch)
        #expect(toFirst.map(\.count) == [10, 10, 10, 5])
        #expect(toSecond.map(\.count) == [30])
    }

    @Test func `a datagram longer than the buffer is cut and says so`() throws {
        let receiver = try Receiver()
        let sender = try UDPSocket(.v4)
        try sender.send([UInt8](repeating: 9, count: 100), to: receiver.address)
        var batch = try ReceiveBatch(capacity: 2, bufferSize: 40)
        let received = try batch.fill(from: receiver.socket.descriptor)
        #expect(received == 1)
        let length = batch.bytes(at: 0).byteCount
        #expect(length == 40)
        let information = batch.information(at: 0)
        #expect(information.isTruncated)
    }

    @Test func `packet information names the sender, the destination and the interface`() throws {
        let receiver = try Receiver()
        try receiver.socket.setReceivesPacketInfo()
        let sender = try Receiver()
        try sender.socket.send([1], to: receiver.address)
        var batch = try ReceiveBatch(capacity: 2, bufferSize: 40)
        let received = try batch.fill(from: receiver.socket.descriptor)
        #expect(received == 1)
        let information = batch.information(at: 0)
        #expect(information.source == sender.address)
        #expect(information.destination == loopback)
        #expect(information.interface == InterfaceIndex(if_nametoindex("lo")))
    }

    @Test func `nothing there is no error`() throws {
        let receiver = try Receiver()
        var batch = try ReceiveBatch(capacity: 2, bufferSize: 40)
        let received = try batch.fill(from: receiver.socket.descriptor)
        #expect(received == 0)
    }

    @Test func `the twenty-first group of one socket is refused by name`() throws {
        let socket = try UDPSocket(.v4)
        let lo = InterfaceIndex(if_nametoindex("lo"))
        for last in 1...20 {
            try socket.join(group: .v4(IPv4Address(232, 9, 9, UInt8(last))), source: loopback, on: lo)
        }
        #expect(throws: SystemError(call: "join", errno: ENOBUFS)) {
            try socket.join(group: .v4(IPv4Address(232, 9, 9, 21)), source: loopback, on: lo)
        }
        try socket.leave(group: .v4(IPv4Address(232, 9, 9, 1)), source: loopback, on: lo)
        try socket.join(group: .v4(IPv4Address(232, 9, 9, 21)), source: loopback, on: lo)
    }

    @Test func `IPv6 addresses survive the way into the kernel and back`() throws {
        let address = SocketAddress(.v6(IPv6Address(high: 0, low: 1)), port: 0)
        let socket = try UDPSocket(.v6)
        try socket.bind(to: address)
        let local = try socket.localAddress()
        let bound = try #require(local)
        #expect(bound.address == address.address)
        #expect(bound.description == "[::1]:\(bound.port)")
    }
}
