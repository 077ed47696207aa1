import Foundation
import Lab

/// A UDP socket with one multicast membership, made with plain socket calls: it shares no code with what it tests.
final class BareHost {
    private let descriptor: CInt
    private(set) var packets = 0
    private var recording: FileHandle?

    /// What our senders put before the payload: neither CSRCs nor an extension (RFC 3550 §5.1).
    private static let headerSize = 12

    init(group: String, source: String?, interface: String, port: UInt16) throws {
        descriptor = socket(AF_INET, CInt(SOCK_DGRAM.rawValue), 0)
        guard descriptor >= 0 else { throw LabError("socket: \(String(cString: strerror(errno)))") }
        var one: CInt = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<CInt>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr(group)
        try call("bind") {
            withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }
        try join(group: group, source: source, index: CInt(if_nametoindex(interface)))
    }

    deinit { close(descriptor) }

    private func join(group: String, source: String?, index: CInt) throws {
        guard let source else {
            var request = ip_mreqn()
            request.imr_multiaddr.s_addr = inet_addr(group)
            request.imr_ifindex = index
            return try call("IP_ADD_MEMBERSHIP") {
                setsockopt(
                    descriptor, CInt(IPPROTO_IP), IP_ADD_MEMBERSHIP, &request,
                    socklen_t(MemoryLayout<ip_mreqn>.size))
            }
        }
        var request = group_source_req()
        request.gsr_interface = UInt32(index)
        Self.store(group, in: &request.gsr_group)
        Self.store(source, in: &request.gsr_source)
        try call("MCAST_JOIN_SOURCE_GROUP") {
            setsockopt(
                descriptor, CInt(IPPROTO_IP), MCAST_JOIN_SOURCE_GROUP, &request,
                socklen_t(MemoryLayout<group_source_req>.size))
        }
    }

    private static func store(_ address: String, in storage: inout sockaddr_storage) {
        withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
                $0.pointee.sin_family = sa_family_t(AF_INET)
                $0.pointee.sin_addr.s_addr = inet_addr(address)
            }
        }
    }

    private func call(_ name: String, _ body: () -> CInt) throws {
        guard body() == 0 else { throw LabError("\(name): \(String(cString: strerror(errno)))") }
    }

    /// From now on payloads go to a file, in the order of their arrival and nothing put right.
    func record(to file: String) throws {
        guard FileManager.default.createFile(atPath: file, contents: nil),
            let handle = FileHandle(forWritingAtPath: file)
        else { throw LabError("cannot write \(file)") }
        recording = handle
    }

    func receive(milliseconds: CInt) {
        var poll = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard Glibc.poll(&poll, 1, milliseconds) > 0 else { return }
        var buffer = [UInt8](repeating: 0, count: 2048)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, CInt(MSG_DONTWAIT))
            guard count > 0 else { return }
            packets += 1
            if count > Self.headerSize { recording?.write(Data(buffer[Self.headerSize..<count])) }
        }
    }
}
