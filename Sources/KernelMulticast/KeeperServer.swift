import Glibc
import LinuxIO

/// Holds duplicates of a router's sockets, so that the kernel goes on forwarding while the router is killed, upgraded
/// or restarted. It reads nothing from them: their buffers are large enough for the pause.
package final class KeeperServer {
    package static let descriptorLimit = 64
    package static let clientLimit = 16

    private let loop: EventLoop
    private let listener: UnixListener
    private var clients: [EventLoop.Token: SharedDescriptor] = [:]
    private var kept: [String: SharedDescriptor] = [:]
    package private(set) var refusedCounts: [KeeperRefusal: UInt64] = [:]

    /// Listens at `path`, for this user alone.
    package init(path: String, on loop: EventLoop) throws(SystemError) {
        self.loop = loop
        listener = try UnixListener(path: path, permissions: 0o600, kind: .sequencedPackets)
        try loop.add(listener.descriptor, .readable) { [unowned self] _ in acceptAll() }
    }

    package var names: [String] { kept.keys.sorted() }

    private func acceptAll() {
        while let accepted = try? listener.accept() {
            // Beyond the limit the client sees its connection closed, and asks again.
            guard clients.count < Self.clientLimit, Self.mayAsk(accepted) else { continue }
            let client = SharedDescriptor(accepted)
            var token: EventLoop.Token?
            token = try? loop.add(client.descriptor, .readable) { [unowned self] _ in
                guard let token else { return }
                if !serve(client) {
                    loop.remove(token)
                    clients[token] = nil
                }
            }
            if let token { clients[token] = client }
        }
    }

    /// The path's permissions say the same; this also holds when somebody widens them.
    private static func mayAsk(_ client: borrowing FileDescriptor) -> Bool {
        guard let credentials = try? client.peerCredentials() else { return false }
        return credentials.user == geteuid() || credentials.user == 0
    }

    /// Serves one request; false when the client is gone.
    private func serve(_ client: SharedDescriptor) -> Bool {
        do throws(SystemError) {
            let (message, descriptors) = try client.descriptor.receive(upTo: KeeperRequest.lengthLimit)
            if message.isEmpty { return false }
            try answer(message, descriptors.first, client)
            return true
        } catch {
            return error.isWouldBlock
        }
    }

    private func answer(
        _ message: [UInt8], _ passed: SharedDescriptor?, _ client: SharedDescriptor
    ) throws(SystemError) {
        let reply: (text: String, descriptor: SharedDescriptor?)
        do throws(KeeperRefusal) {
            reply = try perform(KeeperRequest(message), passed)
        } catch {
            refusedCounts[error, default: 0] += 1
            reply = ("refused \(error.rawValue)", nil)
        }
        let numbers = reply.descriptor.map { [$0.descriptor.number] } ?? []
        try client.descriptor.send(Array(reply.text.utf8), passing: numbers)
    }

    private func perform(
        _ request: KeeperRequest, _ passed: SharedDescriptor?
    ) throws(KeeperRefusal) -> (text: String, descriptor: SharedDescriptor?) {
        switch request {
        case .store(let name):
            guard let passed else { throw .noDescriptor }
            guard kept[name] != nil || kept.count < Self.descriptorLimit else { throw .full }
            kept[name] = passed
            return ("ok", nil)
        case .fetch(let name):
            guard let descriptor = kept[name] else { throw .unknownName }
            return ("ok", descriptor)
        case .remove(let name):
            guard kept.removeValue(forKey: name) != nil else { throw .unknownName }
            return ("ok", nil)
        case .list:
            return ((["ok"] + names).joined(separator: " "), nil)
        }
    }
}
