import LinuxIO

/// Decodes the lines of many connections, those of each in order.
///
/// A short line is decoded at once. A long one, a snapshot of thousands of items, goes to a thread of its own, so that
/// the loop goes on serving everybody else; what the same connection sends meanwhile waits for it.
package final class LineDecoder<Client: Hashable & Sendable, Message: Decodable & Sendable> {
    package enum Outcome: Sendable {
        case message(Message)
        /// With the identifier of the message, zero when even that could not be read.
        case malformed(identifier: UInt64, ControlSocketError)
    }

    private struct Decoded: Sendable {
        var client: Client
        var outcome: Outcome
    }

    /// Decoding this much takes about as long as a packet may be kept waiting.
    package static var longLineBytes: Int { 16_384 }

    private let limit: Int
    private let waitingBytes: Int
    private let handler: (Client, Outcome) -> Void
    private var mailbox: Mailbox<Decoded>?
    private var underWay = 0
    /// The lines behind the one that is being decoded, by connection.
    private var waiting: [Client: [[UInt8]]] = [:]

    /// - Parameters:
    ///   - limit: long lines decoded at a time; one more is decoded at once.
    ///   - waitingBytes: what may wait behind one long line.
    package init(on loop: EventLoop, limit: Int, waitingBytes: Int, handler: @escaping (Client, Outcome) -> Void) {
        self.limit = limit
        self.waitingBytes = waitingBytes
        self.handler = handler
        mailbox = loop.mailbox(limit: limit) { [weak self] in self?.finish($0) }
    }

    /// False when too much waits already; the line is lost, and so is the connection's order.
    package func take(_ line: [UInt8], from client: Client) -> Bool {
        if let before = waiting[client] {
            guard before.reduce(line.count, { $0 + $1.count }) <= waitingBytes else { return false }
            waiting[client]?.append(line)
            return true
        }
        if line.count < Self.longLineBytes || !startThread(for: line, of: client) {
            handler(client, Self.decode(line))
        }
        return true
    }

    /// The connection has ended: nobody waits for its lines.
    package func forget(_ client: Client) { waiting[client] = nil }

    private func startThread(for line: [UInt8], of client: Client) -> Bool {
        guard underWay < limit, let mailbox else { return false }
        do throws(SystemError) {
            let thread = try SystemThread(name: "decoder") {
                mailbox.send(Decoded(client: client, outcome: Self.decode(line)))
            }
            _ = consume thread
        } catch {
            return false
        }
        underWay += 1
        waiting[client] = []
        return true
    }

    private func finish(_ decoded: Decoded) {
        underWay -= 1
        guard let lines = waiting.removeValue(forKey: decoded.client) else { return }
        handler(decoded.client, decoded.outcome)
        // What waited was within the limit, and one of them that is long itself only lets the others wait again.
        for line in lines { _ = take(line, from: decoded.client) }
    }

    private static func decode(_ line: [UInt8]) -> Outcome {
        do throws(ControlSocketError) {
            return .message(try LineCoding.decode(Message.self, from: line))
        } catch {
            return .malformed(identifier: LineCoding.identifier(of: line), error)
        }
    }
}
