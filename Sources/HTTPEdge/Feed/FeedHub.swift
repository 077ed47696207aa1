import ControlProtocol
import Synchronization

/// Hands a publisher's messages to the followers that are connected, one connection a follower: a newer one of the same
/// name takes over, and one that does not read fast enough is closed (it comes back and catches up).
package final class FeedHub<Item: FeedItem>: Sendable {
    /// Messages that wait for a slow follower.
    package static var maximumQueue: Int { 4_096 }

    struct Connection {
        var number: UInt64
        var continuation: AsyncStream<FeedMessage<Item>>.Continuation
        var position: FeedPosition?
    }

    private struct State {
        var connections: [String: Connection] = [:]
        var nextNumber: UInt64 = 0
    }

    private let state = Mutex(State())

    package init() {}

    /// Names of the followers connected now, sorted.
    package var followers: [String] { state.withLock { $0.connections.keys.sorted() } }

    /// Begins a connection with `catchUp`. Call it where no message can be published between making `catchUp` and this.
    /// - Parameter position: where the follower stands; what keep-alives say when there is nothing to catch up with.
    package func connect(
        _ follower: String, catchUp: [FeedMessage<Item>], from position: FeedPosition? = nil
    ) -> FeedConnection<Item> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: FeedMessage<Item>.self, bufferingPolicy: .bufferingOldest(Self.maximumQueue))
        return state.withLock { state in
            state.connections[follower]?.continuation.finish()
            state.nextNumber += 1
            state.connections[follower] = Connection(
                number: state.nextNumber, continuation: continuation, position: catchUp.last?.position ?? position)
            for message in catchUp { continuation.yield(message) }
            return FeedConnection(hub: self, follower: follower, number: state.nextNumber, messages: stream)
        }
    }

    /// Sends to `follower`, if it is connected.
    package func publish(_ message: FeedMessage<Item>, to follower: String) {
        state.withLock { state in
            guard let connection = state.connections[follower] else { return }
            state.connections[follower]?.position = message.position
            if case .dropped = connection.continuation.yield(message) {
                connection.continuation.finish()
                state.connections[follower] = nil
            }
        }
    }

    /// Ends the connection of `follower`, if there is one.
    package func disconnect(_ follower: String) {
        state.withLock { state in
            state.connections.removeValue(forKey: follower)?.continuation.finish()
        }
    }

    /// Tells a follower that all is as it was.
    func keepAlive(_ follower: String, number: UInt64) {
        let position = state.withLock { state in
            state.connections[follower].flatMap { $0.number == number ? $0.position : nil }
        }
        if let position { publish(.keepAlive(position: position), to: follower) }
    }

    /// Forgets a connection that ended, unless another took over.
    func close(_ follower: String, number: UInt64) {
        state.withLock { state in
            guard state.connections[follower]?.number == number else { return }
            state.connections.removeValue(forKey: follower)?.continuation.finish()
        }
    }
}

/// One follower's connection to a hub.
package struct FeedConnection<Item: FeedItem>: Sendable {
    let hub: FeedHub<Item>
    let follower: String
    let number: UInt64
    package let messages: AsyncStream<FeedMessage<Item>>
}
