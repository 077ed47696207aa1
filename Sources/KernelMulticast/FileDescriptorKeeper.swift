import CSystemShims
import Glibc
import LinuxIO

/// Where duplicates of the router's sockets survive the router: systemd's fd store, a keeper process, or nowhere.
package final class FileDescriptorKeeper {
    package enum Failure: Error, Hashable, Sendable, CustomStringConvertible {
        case system(SystemError)
        case refused(KeeperRefusal)
        /// The keeper answered something no version of it answers.
        case badAnswer

        package var description: String {
            switch self {
            case .system(let error): "keeper: \(error)"
            case .refused(let refusal): "keeper: \(refusal.rawValue)"
            case .badAnswer: "keeper: answer not understood"
            }
        }
    }

    private enum Store {
        case keeper(path: String)
        case serviceManager(notifyPath: String, handedOver: [String: SharedDescriptor])
    }

    /// A keeper on the same host answers at once, or something is wrong with it.
    private static let patience: CInt = 2000  // milliseconds

    private var store: Store

    /// The keeper process that listens at `path`. Every request is a connection of its own, so a keeper may be
    /// restarted (losing what it kept) without the router noticing.
    package init(keeperAt path: String) {
        store = .keeper(path: path)
    }

    /// systemd's fd store, by the notify socket at `notifyPath`; `handedOver` is what `ServiceManager.takeDescriptors`
    /// found at the start.
    package init(notifyPath: String, handedOver: [(name: String, descriptor: SharedDescriptor)]) {
        store = .serviceManager(
            notifyPath: notifyPath, handedOver: Dictionary(handedOver, uniquingKeysWith: { first, _ in first }))
    }

    /// Keeps a duplicate of `descriptor` under `name`, in place of what was there before.
    package func store(_ descriptor: borrowing FileDescriptor, name: String) throws(Failure) {
        switch store {
        case .keeper(let path):
            _ = try Self.ask(path, .store(name: name), passing: [descriptor.number])
        case .serviceManager(let notifyPath, _):
            // The fd store appends; the name's older descriptors go first.
            try remove(name: name)
            do throws(SystemError) {
                try ServiceManager(path: notifyPath).store(descriptor, name: name)
            } catch {
                throw .system(error)
            }
        }
    }

    /// The descriptor kept under `name`, or nil when there is none.
    package func fetch(name: String) throws(Failure) -> SharedDescriptor? {
        switch store {
        case .keeper(let path):
            do throws(Failure) {
                guard let descriptor = try Self.ask(path, .fetch(name: name)).descriptor else { throw .badAnswer }
                return descriptor
            } catch .refused(.unknownName) {
                return nil
            }
        case .serviceManager(_, let handedOver):
            return handedOver[name]
        }
    }

    /// Lets go of what is kept under `name`; nothing kept is no error.
    package func remove(name: String) throws(Failure) {
        switch store {
        case .keeper(let path):
            do throws(Failure) {
                _ = try Self.ask(path, .remove(name: name))
            } catch .refused(.unknownName) {
                return
            }
        case .serviceManager(let notifyPath, var handedOver):
            handedOver[name] = nil
            store = .serviceManager(notifyPath: notifyPath, handedOver: handedOver)
            do throws(SystemError) {
                try ServiceManager(path: notifyPath).removeStored(name: name)
            } catch {
                throw .system(error)
            }
        }
    }

    /// Every kept name, in order.
    package func names() throws(Failure) -> [String] {
        switch store {
        case .keeper(let path): try Self.ask(path, .list).words
        case .serviceManager(_, let handedOver): handedOver.keys.sorted()
        }
    }

    private static func ask(
        _ path: String, _ request: KeeperRequest, passing descriptors: [CInt] = []
    ) throws(Failure) -> (words: [String], descriptor: SharedDescriptor?) {
        let answer: (message: [UInt8], descriptors: [SharedDescriptor])
        do throws(SystemError) {
            let connection = try UnixSocket.connect(to: path, kind: .sequencedPackets)
            try connection.send(request.message, passing: descriptors)
            try connection.waitUntilReadable(milliseconds: patience)
            answer = try connection.receive(upTo: KeeperRequest.lengthLimit)
        } catch {
            throw .system(error)
        }
        let words = String(decoding: answer.message, as: UTF8.self).split(separator: " ").map(String.init)
        switch words.first {
        case "ok": return (Array(words.dropFirst()), answer.descriptors.first)
        case "refused":
            guard words.count == 2, let refusal = KeeperRefusal(rawValue: words[1]) else { throw .badAnswer }
            throw .refused(refusal)
        default: throw .badAnswer
        }
    }
}
