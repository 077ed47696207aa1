import ControlProtocol
import HTTPTypes
import Hummingbird
import JSONCoding
import NIOCore
import ServiceLifecycle

/// Serves a feed as one long response of NDJSON lines, with keep-alives in silence.
///
/// A handler reads `FeedEndpoint.position(of:)`, lets its core make the catch-up, connects to the hub, and returns
/// `response(for:)`.
package enum FeedEndpoint {
    package static let keepAlive: Duration = .seconds(5)

    /// Where the follower stands: the query's `epoch` and `revision`; nil when it has nothing.
    package static func position(of request: Request) throws(Problem) -> FeedPosition? {
        let query = request.uri.queryParameters
        guard let epoch = query["epoch"], let text = query["revision"] else { return nil }
        guard (1...64).contains(epoch.utf8.count), let revision = UInt64(text) else {
            throw Problem(
                code: "bad-position", status: 400, title: "epoch and revision are no position of a feed",
                detail: "Give those of the last message, or neither.")
        }
        return FeedPosition(epoch: String(epoch), revision: revision)
    }

    /// Streams until the follower leaves, another connection takes its place, or the service shuts down.
    /// - Parameters:
    ///   - request: what is answered; its follower's leaving is noticed at once, instead of with the next message.
    ///   - onEnd: called once, when the stream is over.
    package static func response<Item: FeedItem>(
        for connection: FeedConnection<Item>, to request: Request, keepAlive: Duration = FeedEndpoint.keepAlive,
        onEnd: @escaping @Sendable () async -> Void = {}
    ) -> Response {
        let body = ResponseBody { writer in
            do {
                try await request.body.consumeWithInboundCloseHandler { _ in
                    try await send(connection, to: &writer, keepAlive: keepAlive)
                } onInboundClosed: {
                    connection.hub.close(connection.follower, number: connection.number)
                }
                connection.hub.close(connection.follower, number: connection.number)
                await onEnd()
                try await writer.finish(nil)
            } catch {
                connection.hub.close(connection.follower, number: connection.number)
                await onEnd()
                throw error
            }
        }
        return Response(
            status: .ok, headers: [.contentType: "application/x-ndjson", .cacheControl: "no-store"], body: body)
    }

    private static func send<Item: FeedItem>(
        _ connection: FeedConnection<Item>, to writer: inout any ResponseBodyWriter, keepAlive: Duration
    ) async throws {
        let pulse = Task {
            while !Task.isCancelled {
                try await Task.sleep(for: keepAlive)
                connection.hub.keepAlive(connection.follower, number: connection.number)
            }
        }
        defer { pulse.cancel() }
        for await message in connection.messages.cancelOnGracefulShutdown() {
            try await writer.write(ByteBuffer(string: JSONText.encode(message) + "\n"))
        }
    }
}
