import Glibc
import LinuxIO
import Synchronization

/// An HTTP/1.1 origin that answers exactly what it is told to, wrong lengths included, and counts who connects.
final class RawOrigin: Sendable {
    struct Answer: Sendable {
        var status = "200 OK"
        var headers: [String] = []
        var body: [UInt8] = []
        /// Ends the connection after so many bytes of the body, whose whole length was announced.
        var cutAfter: Int?

        static func redirect(to location: String) -> Answer {
            Answer(status: "302 Found", headers: ["Location: \(location)"], body: Array("see \(location)".utf8))
        }

        static let notFound = Answer(status: "404 Not Found", body: [UInt8](repeating: 0x20, count: 9_000))
    }

    struct Counts {
        var connections = 0
        var requests: [String: Int] = [:]
    }

    let port: UInt16
    let counts = Mutex(Counts())
    private let listener: CInt
    /// The answer to the n-th request (from 1) for a path.
    private let answer: @Sendable (_ path: String, _ attempt: Int) -> Answer

    init(_ answer: @escaping @Sendable (_ path: String, _ attempt: Int) -> Answer) throws {
        self.answer = answer
        port = try freePort()
        listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
        var reuse: CInt = 1
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<CInt>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let isListening = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0 && listen(listener, 16) == 0
            }
        }
        guard isListening else { throw TestFailure("no listener at port \(port)") }
        _ = try SystemThread(name: "origin") { [self] in accept() }
    }

    /// Ends it, and with it the threads of its connections as their clients go.
    func close() {
        shutdown(listener, CInt(SHUT_RDWR))
    }

    private func accept() {
        while true {
            let connection = Glibc.accept(listener, nil, nil)
            guard connection >= 0 else { break }
            counts.withLock { $0.connections += 1 }
            _ = try? SystemThread(name: "origin-client") { [self] in
                while let path = Self.request(from: connection), serve(path, to: connection) {}
                Glibc.close(connection)
            }
        }
        Glibc.close(listener)
    }

    /// The path of the next request; nil when there is none.
    private static func request(from connection: CInt) -> String? {
        var text: [UInt8] = []
        var byte: UInt8 = 0
        while text.suffix(4) != [13, 10, 13, 10] {
            guard text.count < 8192, read(connection, &byte, 1) == 1 else { return nil }
            text.append(byte)
        }
        return String(decoding: text, as: UTF8.self).split(separator: " ").dropFirst().first.map(String.init)
    }

    /// Whether the connection goes on.
    private func serve(_ path: String, to connection: CInt) -> Bool {
        let attempt = counts.withLock { counts in
            counts.requests[path, default: 0] += 1
            return counts.requests[path] ?? 0
        }
        let answer = answer(path, attempt)
        let head = ["HTTP/1.1 \(answer.status)", "Content-Length: \(answer.body.count)"] + answer.headers + ["", ""]
        let bytes = Array(head.joined(separator: "\r\n").utf8) + answer.body.prefix(answer.cutAfter ?? .max)
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                send(connection, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return answer.cutAfter == nil
    }
}
