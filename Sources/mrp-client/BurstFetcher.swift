import ControlProtocol
import HTTPEdge
import LinuxIO

/// What the receiving loop is told of a burst.
enum BurstEvent: Sendable {
    case bytes([UInt8])
    /// Closed by the replication point, or refused.
    case ended
}

/// Reads a burst from a replication point for the receiving loop.
struct BurstFetcher: Sendable {
    /// The replication point answers out of its memory; the receiver shows the group long before this.
    private static let timeout = Duration.seconds(5)
    /// While the loop has not taken what was sent to it, the connection waits.
    private static let pause = Duration.milliseconds(2)

    /// Base of the replication point's URLs, such as `http://10.1.1.1:8080`.
    var server: String
    var path: String
    var events: Mailbox<BurstEvent>

    /// Reads until the burst ends or this task is cancelled; says why it ended early.
    func run() async {
        do throws(EdgeClientError) {
            let client = try EdgeClient(base: server)
            let result = await read(client)
            await client.shutdown()
            try result.get()
        } catch {
            if !Task.isCancelled {
                StandardError.print("mrp-client: no burst: \(ClientFailure(error, server: server).message)")
            }
        }
        await send(.ended)
    }

    private func read(_ client: EdgeClient) async -> Result<Void, EdgeClientError> {
        do throws(EdgeClientError) {
            return .success(
                try await client.read(path, timeout: Self.timeout) { bytes in await send(.bytes(bytes)) })
        } catch {
            return .failure(error)
        }
    }

    private func send(_ event: BurstEvent) async {
        while !events.send(event) {
            do {
                try await Task.sleep(for: Self.pause)
            } catch {
                return
            }
        }
    }
}
