import HTTPTypes
import NIOCore
import NIOHTTPTypes
import Synchronization
import Wire

/// How many connections each address holds at a listener, so that one client cannot take what is there for all.
///
/// The table is bounded by the connections the listener takes in all: an address without one is not in it.
final class ConnectionCensus: Sendable {
    private struct State {
        var connections: [IPAddress: Int] = [:]
        var refused: UInt64 = 0
    }

    private let limit: Int
    private let state = Mutex(State())

    /// - Parameter limit: connections an address may hold at once.
    init(limit: Int) {
        self.limit = limit
    }

    /// Connections refused since the start.
    var refused: UInt64 { state.withLock { $0.refused } }

    fileprivate func enter(_ address: IPAddress) -> Bool {
        state.withLock { state in
            let held = state.connections[address, default: 0]
            guard held < limit else {
                state.refused &+= 1
                return false
            }
            state.connections[address] = held + 1
            return true
        }
    }

    fileprivate func leave(_ address: IPAddress) {
        state.withLock { state in
            guard let held = state.connections[address] else { return }
            state.connections[address] = held > 1 ? held - 1 : nil
        }
    }
}

/// Counts one connection from its beginning to its end, and answers 429 to one too many.
final class ConnectionGate: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias OutboundOut = HTTPResponsePart

    private let census: ConnectionCensus
    /// Nil while the connection is not counted.
    private var address: IPAddress?

    init(_ census: ConnectionCensus) {
        self.census = census
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { admit(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        if address == nil { admit(context) }
        context.fireChannelActive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        if let address { census.leave(address) }
        address = nil
    }

    private func admit(_ context: ChannelHandlerContext) {
        guard let remote = IPAddress(remote: context.channel) else { return }
        guard census.enter(remote) else { return refuse(context) }
        address = remote
    }

    private func refuse(_ context: ChannelHandlerContext) {
        let fields: HTTPFields = [.connection: "close", .contentLength: "0", .retryAfter: "5"]
        context.write(
            wrapOutboundOut(.head(HTTPResponse(status: .tooManyRequests, headerFields: fields))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        context.close(promise: nil)
    }
}

extension IPAddress {
    /// The other end's address; an IPv4 address that came by an IPv6 socket is an IPv4 address.
    init?(remote channel: any Channel) {
        guard let text = channel.remoteAddress?.ipAddress else { return nil }
        let unscoped = text.prefix { $0 != "%" }
        if unscoped.lowercased().hasPrefix("::ffff:"), let mapped = IPv4Address(unscoped.dropFirst(7)) {
            self = .v4(mapped)
        } else if let address = IPAddress(unscoped) {
            self = address
        } else {
            return nil
        }
    }
}
