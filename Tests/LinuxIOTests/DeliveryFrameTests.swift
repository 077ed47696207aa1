import Clockwork
import Glibc
import LinuxIO
import Testing
import Wire

/// A frame as a packet socket hands it over: virtio-net header, Ethernet, IPv4, UDP.
struct DeliveredFrame {
    static let source = IPv4Address(10, 1, 0, 10)
    static let group = IPv4Address(232, 1, 1, 1)
    private static let ethernet = 10
    static let internet = ethernet + 14

    var flags: UInt8 = 1
    var offload: UInt8 = 0
    var segmentSize: UInt16 = 0
    var options: [UInt8] = []
    var payload: [UInt8] = Array("media".utf8)
    var padding = 0
    var checksum: UInt16 = 0

    var bytes: [UInt8] {
        var writer = WireWriter(reservingCapacity: 100 + payload.count)
        writer.write(flags)
        writer.write(offload)
        writer.write(UInt16(0))
        // The header is in this host's byte order, the writer is not.
        writer.write(segmentSize.bigEndian)
        writer.write(UInt32(0))
        writer.writeZeros(12)
        writer.write(UInt16(0x0800))
        var header = WireWriter(reservingCapacity: 60)
        header.write(UInt8(0x40 | (20 + options.count) / 4))
        header.write(UInt8(0))
        header.write(UInt16(20 + options.count + 8 + payload.count))
        header.write(UInt32(0))
        header.write(UInt8(15))
        header.write(UInt8(17))
        header.write(UInt16(0))
        header.write(Self.source.rawValue)
        header.write(Self.group.rawValue)
        var internet = header.bytes + options
        let sum = internetChecksum(internet)
        (internet[10], internet[11]) = (UInt8(sum >> 8), UInt8(sum & 0xFF))
        var transport = WireWriter(reservingCapacity: 8)
        transport.write(UInt16(4000))
        transport.write(UInt16(5000))
        transport.write(UInt16(8 + payload.count))
        transport.write(checksum)
        return writer.bytes + internet + transport.bytes + payload + [UInt8](repeating: 0, count: padding)
    }

    /// RFC 768's checksum of this datagram, worked out by hand and not by the code under test.
    var rightChecksum: UInt16 {
        var datagram: [UInt8] = [10, 1, 0, 10, 232, 1, 1, 1, 0, 17]
        let length = UInt16(8 + payload.count)
        datagram += [UInt8(length >> 8), UInt8(length & 0xFF), 0x0F, 0xA0, 0x13, 0x88]
        datagram += [UInt8(length >> 8), UInt8(length & 0xFF), 0, 0] + payload
        if datagram.count % 2 == 1 { datagram.append(0) }
        var sum: UInt32 = 0
        for index in stride(from: 0, to: datagram.count, by: 2) {
            sum += UInt32(datagram[index]) << 8 | UInt32(datagram[index + 1])
        }
        while sum > 0xFFFF { sum = sum & 0xFFFF + sum >> 16 }
        return ~UInt16(truncatingIfNeeded: sum)
    }
}

/// What became of one frame.
private struct Delivery {
    var headers: [DeliveryHeader] = []
    var payloads: [[UInt8]] = []
    var counters = DeliveryCounters()

    init(_ frame: [UInt8]) {
        var (headers, payloads): ([DeliveryHeader], [[UInt8]]) = ([], [])
        DeliverySocket.deliver(frame.span.bytes, counting: &counters) { header, payload in
            headers.append(header)
            payloads.append(
                (0..<payload.byteCount).map { payload.unsafeLoadUnaligned(fromByteOffset: $0, as: UInt8.self) })
        }
        (self.headers, self.payloads) = (headers, payloads)
    }

    var faults: [DeliveryFault] { DeliveryFault.allCases.filter { counters[$0] > 0 } }
}

@Suite struct DeliveryFrameTests {
    @Test func `a datagram comes with its source, its group and its ports`() {
        let delivery = Delivery(DeliveredFrame().bytes)
        #expect(
            delivery.headers == [
                DeliveryHeader(
                    source: DeliveredFrame.source, group: DeliveredFrame.group, sourcePort: 4000, destinationPort: 5000)
            ])
        #expect(delivery.payloads == [Array("media".utf8)])
        #expect(delivery.counters.datagrams == 1)
        #expect(delivery.faults == [])
    }

    @Test func `options are skipped and padding behind the packet is cut`() {
        var frame = DeliveredFrame()
        frame.options = [0x94, 0x04, 0, 0]
        frame.padding = 13
        #expect(Delivery(frame.bytes).payloads == [Array("media".utf8)])
    }

    @Test func `a train becomes its datagrams, the last one shorter`() {
        var frame = DeliveredFrame()
        frame.offload = 5
        frame.segmentSize = 1316
        frame.payload = (0..<3 * 1316 + 7).map { UInt8(truncatingIfNeeded: $0 / 1316) }
        let delivery = Delivery(frame.bytes)
        #expect(delivery.payloads.map(\.count) == [1316, 1316, 1316, 7])
        #expect(delivery.payloads.map(\.first) == [0, 1, 2, 3])
        #expect(delivery.counters.trains == 1)
        #expect(delivery.counters.datagrams == 4)
    }

    @Test(arguments: [Array("media".utf8), Array("medium".utf8), []])
    func `a checksum nobody has verified is verified, over odd and even lengths`(payload: [UInt8]) {
        var frame = DeliveredFrame(flags: 0)
        frame.payload = payload
        frame.checksum = frame.rightChecksum
        #expect(Delivery(frame.bytes).payloads == [payload])
        frame.checksum ^= 1
        #expect(Delivery(frame.bytes).faults == [.badUDPChecksum])
        frame.flags = 2
        #expect(Delivery(frame.bytes).faults == [], "the kernel says that it is valid")
        frame.flags = 0
        frame.checksum = 0
        #expect(Delivery(frame.bytes).faults == [], "the sender gave none")
    }

    @Test func `a train without anybody's word for its checksum is refused`() {
        var frame = DeliveredFrame(flags: 0, offload: 5, segmentSize: 3)
        frame.checksum = 0x1234
        #expect(Delivery(frame.bytes).faults == [.badOffload])
    }

    /// Each changes one byte or cuts the frame; the place counts from the IPv4 header.
    @Test(arguments: [
        (at: 0, to: 0x65, fault: DeliveryFault.notIPv4), (at: -1, to: 0x06, fault: .notIPv4),
        (at: 0, to: 0x44, fault: .badIPv4Length), (at: 2, to: 0xFF, fault: .badIPv4Length),
        (at: 8, to: 99, fault: .badIPv4Checksum), (at: -23, to: 1, fault: .badOffload),
        (at: -23, to: 3, fault: .badOffload), (at: -23, to: 5, fault: .badOffload),
        (at: 24, to: 0xFF, fault: .badUDPLength), (at: 25, to: 7, fault: .badUDPLength),
    ])
    func `a wrong header is refused by name`(at place: Int, to byte: UInt8, fault: DeliveryFault) {
        var bytes = DeliveredFrame().bytes
        bytes[DeliveredFrame.internet + place] = byte
        let delivery = Delivery(bytes)
        #expect(delivery.faults == [fault])
        #expect(delivery.payloads == [])
    }

    /// As above, with the header's checksum made right again.
    @Test(arguments: [
        (at: 6, to: 0x20, fault: DeliveryFault.fragment), (at: 7, to: 1, fault: .fragment),
        (at: 9, to: 6, fault: .notUDP), (at: 16, to: 10, fault: .notMulticast), (at: 3, to: 27, fault: .badUDPLength),
    ])
    func `what a right header tells is judged`(at place: Int, to byte: UInt8, fault: DeliveryFault) {
        var bytes = DeliveredFrame().bytes
        let start = DeliveredFrame.internet
        bytes[start + place] = byte
        (bytes[start + 10], bytes[start + 11]) = (0, 0)
        let sum = internetChecksum(Array(bytes[start..<start + 20]))
        (bytes[start + 10], bytes[start + 11]) = (UInt8(sum >> 8), UInt8(sum & 0xFF))
        #expect(Delivery(bytes).faults == [fault])
    }

    @Test func `a frame that ends anywhere before its end is refused`() {
        let bytes = DeliveredFrame().bytes
        for count in bytes.indices {
            let delivery = Delivery(Array(bytes.prefix(count)))
            #expect(delivery.payloads == [])
            #expect(delivery.faults == [count < DeliveredFrame.internet + 20 ? .shortFrame : .badIPv4Length])
        }
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func `mutated frames are delivered inside their bounds or refused, and every one is counted`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var train = DeliveredFrame(flags: 1, offload: 5, segmentSize: 188)
        train.payload = [UInt8](repeating: 0x47, count: 1316)
        let originals = [DeliveredFrame().bytes, DeliveredFrame(flags: 0).bytes, train.bytes]
        for _ in 0..<20_000 {
            var bytes = originals.randomElement(using: &generator) ?? []
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            bytes.removeLast(Int.random(in: 0...bytes.count, using: &generator) / 8)
            let delivery = Delivery(bytes)
            #expect(delivery.payloads.reduce(0) { $0 + $1.count } <= bytes.count)
            let isTrain = delivery.counters.trains == 1
            #expect(delivery.faults.count == (delivery.payloads.isEmpty && !isTrain ? 1 : 0), "seed \(seed): \(bytes)")
        }
    }
}

@Suite struct DescriptorPassingTests {
    @Test func `a line brings its descriptor, wherever the lines around it are cut`() throws {
        var received: [(line: String, descriptor: SharedDescriptor?)] = []
        let path = temporaryPath("pass")
        let loop = try EventLoop()
        let listener = try UnixListener(path: path)
        let client = try LineConnection(
            UnixSocket.connect(to: path), on: loop, acceptsDescriptors: true
        ) { connection, event in
            guard case .line(let line) = event else { return loop.stop() }
            let text = String(decoding: line, as: UTF8.self)
            received.append((text, text.hasPrefix("with") ? connection.takeDescriptor() : nil))
        }
        guard let accepted = try listener.accept() else { throw SystemError(call: "accept", errno: EAGAIN) }
        let server = try LineConnection(accepted, on: loop) { _, _ in }
        let log = [UInt8](repeating: 0x61, count: 300_000)
        try server.send(log)
        try server.send(Array("with 1".utf8), passing: SharedDescriptor(try UDPSocket(.v4).descriptor.duplicate()))
        try server.send(Array("without".utf8))
        try server.send(Array("with 2".utf8), passing: SharedDescriptor(try UDPSocket(.v4).descriptor.duplicate()))
        server.finish()
        try loop.run()
        #expect(Array(received.map(\.line).dropFirst()) == ["with 1", "without", "with 2"])
        #expect(received.map { $0.descriptor != nil } == [false, true, false, true])
        _ = client
    }
}
