import ArgumentParser
import Foundation
import Glibc
import LinuxIO
import MediaIO
import Wire

/// The replication point's media loop without everything around it: every request for `/rtp/GROUP:PORT` is admitted.
///
/// What it costs beside a whole `mrpd` is what the HTTP library and the control plane cost, which only who comes and goes
/// can make felt.
@main
struct MediaLoopServer: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mrp-media-loop", abstract: "Serves what an interface hears to HTTP clients.")

    @Argument(help: "The interface that the groups arrive on.") var interface: String
    @Argument(help: "The address they come from.") var source: String
    @Argument(help: "The TCP port to serve at.") var port: UInt16

    private static let head =
        "HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"

    func run() throws {
        guard let source = IPAddress(source)?.v4 else { throw ValidationError("\(source) is no IPv4 address") }
        Privileges.ignoreBrokenPipes()
        let delivery = try DeliverySocket.open(on: InterfaceIndex(if_nametoindex(interface)))
        let media = try UnicastMedia(UnicastMedia.Configuration()) { error in
            FileHandle.standardError.write(Data("the packet socket failed: \(error)\n".utf8))
            Glibc.exit(1)
        }
        media.attach(SharedDescriptor(delivery))
        let listener = try listen()
        while true {
            let number = accept(listener.number, nil, nil)
            guard number >= 0 else { continue }
            serve(FileDescriptor(owning: number), source, media)
        }
    }

    private func listen() throws -> FileDescriptor {
        let listener = FileDescriptor(owning: socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0))
        try listener.setOption(SOL_SOCKET, SO_REUSEADDR, 1)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener.number, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard bound == 0, Glibc.listen(listener.number, 4096) == 0 else {
            throw ValidationError("cannot serve at port \(port): \(String(cString: strerror(errno)))")
        }
        return listener
    }

    private func serve(_ connection: consuming FileDescriptor, _ source: IPv4Address, _ media: UnicastMedia) {
        var request = [UInt8](repeating: 0, count: 4096)
        let count = recv(connection.number, &request, request.count, 0)
        guard count > 0, let stream = stream(String(decoding: request[..<count], as: UTF8.self), source) else { return }
        media.join(
            ViewerConnection(
                stream: stream, session: 1, rendition: "tv", descriptor: SharedDescriptor(connection),
                head: Array(Self.head.utf8)
            ) { _, _ in })
    }

    private func stream(_ request: String, _ source: IPv4Address) -> StreamKey? {
        let words = request.split(separator: " ", maxSplits: 2)
        guard words.count == 3, words[0] == "GET", words[1].hasPrefix("/rtp/") else { return nil }
        let parts = words[1].dropFirst("/rtp/".count).split(separator: ":")
        guard parts.count == 2, let group = IPAddress(parts[0])?.v4, let port = UInt16(parts[1]) else { return nil }
        return StreamKey(source: source, group: group, port: port)
    }
}
