import ControlProtocol
import HTTPEdge

/// Asks the OTT server to join a channel; the answer comes once the replication point has applied it.
struct JoinRequester: Sendable {
    /// The server waits for the network on our behalf; beyond that it is not there.
    private static let timeout = Duration.seconds(30)

    var client: EdgeClient
    var server: String
    var token: String
    var channel: ChannelKey

    func join() async -> Result<JoinAnswer, ClientFailure> {
        do throws(EdgeClientError) {
            let answer = try await client.post(
                "/v1/channels/\(channel)/join", as: JoinAnswer.self, bearer: token, timeout: Self.timeout)
            return .success(answer)
        } catch {
            return .failure(ClientFailure(error, server: server))
        }
    }
}
