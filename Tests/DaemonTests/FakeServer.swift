import ControlProtocol
import Credentials
import HTTPEdge
import Hummingbird
import Synchronization

/// An OTT server reduced to its feed: publishes what the test says and keeps the proxy's newest report.
final class FakeServer: Sendable {
    private let hub = FeedHub<ServerFeedItem>()
    private let feed = Mutex(FeedPublisher<ServerFeedItem>(epoch: "server"))
    private let newest = Mutex<ProxyReport?>(nil)
    let registration = Mutex<ProxyRegistration?>(nil)

    var report: ProxyReport? { newest.withLock { $0 } }
    var revision: UInt64 { feed.withLock { $0.position.revision } }

    func publish(_ upserts: [ServerFeedItem], removals: [String] = []) {
        feed.withLock { feed in
            if let message = feed.update(upserts: upserts, removals: removals) { hub.publish(message, to: "proxy1") }
        }
    }

    func routes(_ router: Router<EdgeContext>) {
        router.put("/v1/proxies/proxy1") { request, context in
            try context.requirePeer(.liveProxy, named: "proxy1")
            let registration = try await request.json(ProxyRegistration.self, limits: .nodes)
            self.registration.withLock { $0 = registration }
            return Response.nothing
        }
        router.put("/v1/proxies/proxy1/report") { request, _ in
            let report = try await request.json(ProxyReport.self, limits: .nodes)
            self.newest.withLock { $0 = report }
            return Response.nothing
        }
        router.get("/v1/proxies/proxy1/feed") { request, _ in
            let position = try FeedEndpoint.position(of: request)
            let connection = self.feed.withLock { feed in
                self.hub.connect("proxy1", catchUp: feed.catchUp(from: position))
            }
            return FeedEndpoint.response(for: connection, to: request)
        }
    }
}
