import Foundation
import Glibc

/// A connection that broke before the answer came.
package struct ExchangeFailed: Error {
    package let call: String
    package let errorNumber: Int32
}

/// Sends `request` to a port of 127.0.0.1 and reads until the other end closes; on a thread of its own, since it blocks.
package func exchange(_ request: String, port: UInt16) async throws -> String {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try exchangeNow(request, port: port) }) }
    }
}

private func exchangeNow(_ request: String, port: UInt16) throws -> String {
    let connection = try HeldConnection(sending: request, port: port)
    return try String(decoding: connection.readToEnd(), as: UTF8.self)
}

/// A connection to a port of 127.0.0.1 that stays open, whatever it was in the middle of saying, until it is let go.
package final class HeldConnection {
    private let descriptor: Int32

    /// - Parameter beginning: what to send at once; the rest of the request may never come.
    package init(sending beginning: String, port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw ExchangeFailed(call: "connect", errorNumber: errno) }
        try send(beginning)
    }

    deinit { close(descriptor) }

    package func send(_ text: String) throws {
        let bytes = Array(text.utf8)
        guard Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else {
            throw ExchangeFailed(call: "send", errorNumber: errno)
        }
    }

    /// What comes until the other end closes; blocks until then.
    package func readToEnd() throws -> [UInt8] {
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            guard count > 0 else { return answer }
            answer += chunk[..<count]
        }
    }
}
