import AsyncHTTPClient
import ControlProtocol
import JSONCoding
import Synchronization

/// What a follower hears of its feed, in order.
package enum FeedClientEvent<Item: FeedItem>: Sendable {
    /// Registered, and the feed is open; the last report was sent again.
    case connected
    case message(FeedMessage<Item>)
    /// Tried again after `retryIn`.
    case disconnected(EdgeClientError, retryIn: Duration)
}

/// What a follower thinks of an event.
package enum FeedReception: Sendable {
    case next
    /// It lost its place: connect again, and it will have no position then.
    case startOver
}

/// How a follower keeps in touch.
package struct FeedClientSettings: Hashable, Sendable {
    /// How often the registration is sent again: a third of what the publisher waits for it.
    package var registrationInterval: Duration = .seconds(5)
    package var firstRetry: Duration = .milliseconds(200)
    package var longestRetry: Duration = .seconds(5)
    /// A report waits as long as the one before it took, so that they cost at most half of the time; never longer than
    /// this, since somebody may be waiting to watch.
    package var longestReportPause: Duration = .milliseconds(20)

    package init() {}
}

/// The following end of a feed over HTTP: registers (PUT `path`), follows (GET `path/feed`) and reports (PUT
/// `path/report`), and begins again with growing pauses whatever fails. For proxies at their server, and replication
/// points at their proxy.
package final class FeedClient<
    Item: FeedItem, Registration: Encodable & Sendable, Report: Encodable & Equatable & Sendable
>: Sendable {
    package typealias ReportBuilder = @Sendable () async -> Report?

    private struct State {
        var builder: ReportBuilder?
        /// Times a report was due, and how many of them what has reached the publisher covers.
        var due: UInt64 = 0
        var reported: UInt64 = 0
        /// What the publisher has; nil when it may have forgotten.
        var last: Report?
        var wake: AsyncStream<Void>.Continuation?
    }

    private let client: EdgeClient
    private let path: String
    private let registration: Registration
    private let settings: FeedClientSettings
    private let state = Mutex(State())

    /// - Parameter path: such as `/v1/proxies/NAME`.
    package init(
        client: EdgeClient, path: String, registration: Registration,
        settings: FeedClientSettings = FeedClientSettings()
    ) {
        self.client = client
        self.path = path
        self.registration = registration
        self.settings = settings
    }

    /// Sends `report`; one that is not sent yet is replaced by it, and the newest is sent again after each reconnection.
    package func report(_ report: Report) {
        reportDue { report }
    }

    /// Something that `builder` reports has changed. It is called when the report is sent: one covers all changes up to
    /// then, and none is built for nothing. Nil sends nothing.
    package func reportDue(_ builder: @escaping ReportBuilder) {
        state.withLock { state in
            state.builder = builder
            state.due += 1
            state.wake?.yield()
        }
    }

    /// Follows until the task is cancelled.
    /// - Parameters:
    ///   - position: what the follower has applied, asked at each connection.
    ///   - receive: called for one event at a time.
    package func run(
        position: @escaping @Sendable () async -> FeedPosition?,
        receive: @escaping @Sendable (FeedClientEvent<Item>) async -> FeedReception
    ) async {
        var retry = settings.firstRetry
        while !Task.isCancelled {
            do throws(EdgeClientError) {
                try await client.put(path, registration)
                let body = try await client.stream(feedPath(from: await position()), timeout: .seconds(10))
                resendReport()
                _ = await receive(.connected)
                retry = settings.firstRetry
                try await follow(body, receive: receive)
            } catch {
                if Task.isCancelled { return }
                _ = await receive(.disconnected(error, retryIn: retry))
                try? await Task.sleep(for: retry)
                retry = min(retry * 2, settings.longestRetry)
            }
        }
    }

    private func feedPath(from position: FeedPosition?) -> String {
        guard let position else { return "\(path)/feed" }
        return "\(path)/feed?epoch=\(position.epoch)&revision=\(position.revision)"
    }

    private func resendReport() {
        state.withLock { state in
            state.reported = 0
            state.last = nil
        }
    }

    /// Reads the feed, repeats the registration and sends reports, until one of them fails.
    private func follow(
        _ body: HTTPClientResponse.Body, receive: @escaping @Sendable (FeedClientEvent<Item>) async -> FeedReception
    ) async throws(EdgeClientError) {
        let (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        state.withLock { $0.wake = wake }
        wake.yield()
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await self.keepRegistered() }
                group.addTask { try await self.sendReports(wakes) }
                group.addTask { try await self.read(body, receive: receive) }
                defer { group.cancelAll() }
                try await group.next()
            }
        } catch {
            throw EdgeClientError(error)
        }
    }

    private func read(
        _ body: HTTPClientResponse.Body, receive: @Sendable (FeedClientEvent<Item>) async -> FeedReception
    ) async throws {
        var lines = LineSplitter()
        for try await bytes in body {
            guard lines.append(bytes) else { throw EdgeClientError.badAnswer("a line of the feed is too long") }
            while let line = lines.next() {
                let message: FeedMessage<Item>
                do throws(JSONError) {
                    message = try JSONText.decode(FeedMessage<Item>.self, from: line)
                } catch {
                    throw EdgeClientError.badAnswer(error.description)
                }
                if await receive(.message(message)) == .startOver { return }
            }
        }
        throw EdgeClientError.unreachable("the feed was closed")
    }

    private func keepRegistered() async throws {
        while true {
            try await Task.sleep(for: settings.registrationInterval)
            try await client.put(path, registration)
        }
    }

    private func sendReports(_ wakes: AsyncStream<Void>) async throws {
        let clock = ContinuousClock()
        for await _ in wakes {
            let begun = clock.now
            guard try await sendReport() else { continue }
            try await Task.sleep(for: min(clock.now - begun, settings.longestReportPause))
        }
    }

    /// Whether there was anything to send.
    private func sendReport() async throws -> Bool {
        let (due, last, builder) = state.withLock { state in
            (state.due, state.last, state.reported < state.due ? state.builder : nil)
        }
        guard let report = await builder?() else { return false }
        if report != last { try await client.put("\(path)/report", report) }
        state.withLock { state in
            state.last = report
            state.reported = due
        }
        return true
    }
}
