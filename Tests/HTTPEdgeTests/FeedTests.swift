import Clockwork
import ControlProtocol
import Credentials
import HTTPEdge
import Hummingbird
import Synchronization
import Testing

private struct Item: FeedItem {
    var key: String
    var value: Int
}

private struct Registration: Codable, Equatable, Sendable {
    var name: String
}

private struct Report: Codable, Equatable, Sendable {
    var applied: UInt64
}

/// A publisher as a shell would have one: its core behind a lock, and the hub.
private final class Publisher: Sendable {
    let hub = FeedHub<Item>()
    let registrations = Mutex<[String]>([])
    let reports: AsyncStream<Report>
    private let reported: AsyncStream<Report>.Continuation
    private let feed: Mutex<FeedPublisher<Item>>

    init(epoch: String) {
        feed = Mutex(FeedPublisher(epoch: epoch))
        (reports, reported) = AsyncStream.makeStream()
    }

    func set(_ items: Item...) {
        feed.withLock { feed in
            if let message = feed.update(upserts: items) { hub.publish(message, to: "north") }
        }
    }

    func routes(_ router: Router<EdgeContext>) {
        router.put("/v1/proxies/north") { request, _ in
            let registration = try await request.json(Registration.self, limits: .nodes)
            self.registrations.withLock { $0.append(registration.name) }
            return Response.nothing
        }
        router.put("/v1/proxies/north/report") { request, _ in
            self.reported.yield(try await request.json(Report.self, limits: .nodes))
            return Response.nothing
        }
        router.get("/v1/proxies/north/feed") { request, _ in
            let position = try FeedEndpoint.position(of: request)
            let connection = self.feed.withLock { feed in
                self.hub.connect("north", catchUp: feed.catchUp(from: position), from: position)
            }
            return FeedEndpoint.response(for: connection, to: request, keepAlive: .milliseconds(50))
        }
    }
}

/// What a follower heard, one event at a time.
private final class Follower: Sendable {
    let events: AsyncStream<FeedClientEvent<Item>>
    let client: FeedClient<Item, Registration, Report>
    private let heard: AsyncStream<FeedClientEvent<Item>>.Continuation
    private let follower = Mutex(FeedFollower<Item>())

    init(_ edge: EdgeClient) {
        (events, heard) = AsyncStream.makeStream()
        var settings = FeedClientSettings()
        settings.firstRetry = .milliseconds(10)
        settings.registrationInterval = .milliseconds(100)
        client = FeedClient(
            client: edge, path: "/v1/proxies/north", registration: Registration(name: "north"), settings: settings)
    }

    func run() async {
        await client.run(position: { self.follower.withLock { $0.position } }) { event in
            if case .message(let message) = event {
                let isApplied = self.follower.withLock { (try? $0.apply(message)) != nil }
                if !isApplied {
                    self.follower.withLock { $0.losePlace() }
                    return .startOver
                }
            }
            self.heard.yield(event)
            return .next
        }
    }
}

extension AsyncStream<FeedClientEvent<Item>>.Iterator {
    /// The next message that is no keep-alive.
    fileprivate mutating func nextMessage() async -> FeedMessage<Item>? {
        while let event = await next() {
            if case .message(let message) = event {
                if case .keepAlive = message { continue }
                return message
            }
        }
        return nil
    }
}

@Suite(.timeLimit(.minutes(1))) struct `Feeds over HTTP` {
    private func following(
        _ publisher: Publisher, _ work: @escaping @Sendable (Follower) async throws -> Void
    ) async throws {
        try await serving(limits: .nodes, routes: publisher.routes) { base in
            let edge = try EdgeClient(base: base)
            let follower = Follower(edge)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await follower.run() }
                defer { group.cancelAll() }
                try await work(follower)
            }
            await edge.shutdown()
        }
    }

    @Test func `a follower gets a snapshot and then each change`() async throws {
        let publisher = Publisher(epoch: "a")
        publisher.set(Item(key: "one", value: 1))
        try await following(publisher) { follower in
            var events = follower.events.makeAsyncIterator()
            let first = await events.nextMessage()
            #expect(
                first
                    == .snapshot(
                        position: FeedPosition(epoch: "a", revision: 1), items: [Item(key: "one", value: 1)]))
            publisher.set(Item(key: "two", value: 2))
            let second = await events.nextMessage()
            #expect(
                second
                    == .change(
                        position: FeedPosition(epoch: "a", revision: 2), upserts: [Item(key: "two", value: 2)],
                        removals: []))
        }
    }

    @Test func `a follower that was cut off continues where it was`() async throws {
        let publisher = Publisher(epoch: "a")
        publisher.set(Item(key: "one", value: 1))
        try await following(publisher) { follower in
            var events = follower.events.makeAsyncIterator()
            _ = await events.nextMessage()
            publisher.hub.disconnect("north")
            publisher.set(Item(key: "two", value: 2))
            let message = await events.nextMessage()
            guard case .change(let position, let upserts, _) = message else {
                Issue.record("got \(String(describing: message)) instead of the missed change")
                return
            }
            #expect(position.revision == 2)
            #expect(upserts == [Item(key: "two", value: 2)])
        }
    }

    @Test func `the last report is sent again after a reconnection`() async throws {
        let publisher = Publisher(epoch: "a")
        try await following(publisher) { follower in
            var reports = publisher.reports.makeAsyncIterator()
            follower.client.report(Report(applied: 7))
            #expect(await reports.next() == Report(applied: 7))
            publisher.hub.disconnect("north")
            #expect(await reports.next() == Report(applied: 7))
        }
    }

    @Test func `changes that come faster than reports can be sent share one, and the last one is always sent`()
        async throws
    {
        let publisher = Publisher(epoch: "a")
        try await following(publisher) { follower in
            var events = follower.events.makeAsyncIterator()
            while let event = await events.next() { if case .connected = event { break } }
            let changes = Mutex<UInt64>(0)
            let built = Mutex(0)
            for _ in 0..<10_000 {
                changes.withLock { $0 += 1 }
                follower.client.reportDue {
                    built.withLock { $0 += 1 }
                    return Report(applied: changes.withLock { $0 })
                }
            }
            for await report in publisher.reports where report.applied == 10_000 { break }
            let reports = built.withLock { $0 }
            #expect((1...1_000).contains(reports), "\(reports) reports were built for 10,000 changes")
        }
    }

    @Test func `a builder that has nothing to say sends nothing`() async throws {
        let publisher = Publisher(epoch: "a")
        try await following(publisher) { follower in
            var reports = publisher.reports.makeAsyncIterator()
            await withCheckedContinuation { asked in
                let once = Mutex<CheckedContinuation<Void, Never>?>(asked)
                follower.client.reportDue {
                    once.withLock { $0.take() }?.resume()
                    return nil
                }
            }
            follower.client.report(Report(applied: 3))
            #expect(await reports.next() == Report(applied: 3))
        }
    }

    @Test func `a follower registers before it follows and goes on doing so`() async throws {
        let publisher = Publisher(epoch: "a")
        try await following(publisher) { follower in
            var events = follower.events.makeAsyncIterator()
            _ = await events.nextMessage()
            #expect(publisher.registrations.withLock { $0 }.first == "north")
            while publisher.registrations.withLock({ $0.count }) < 3 { try await Task.sleep(for: .milliseconds(20)) }
        }
    }

    @Test func `silence is filled with keep-alives`() async throws {
        let publisher = Publisher(epoch: "a")
        publisher.set(Item(key: "one", value: 1))
        try await following(publisher) { follower in
            for await event in follower.events {
                if case .message(.keepAlive(let position)) = event {
                    #expect(position == FeedPosition(epoch: "a", revision: 1))
                    return
                }
            }
        }
    }

    @Test func `a follower that has everything is kept alive from the first moment`() async throws {
        let publisher = Publisher(epoch: "a")
        publisher.set(Item(key: "one", value: 1))
        try await following(publisher) { follower in
            var events = follower.events.makeAsyncIterator()
            _ = await events.nextMessage()
            publisher.hub.disconnect("north")
            while let event = await events.next() { if case .connected = event { break } }
            guard case .message(.keepAlive(let position)) = await events.next() else {
                Issue.record("no keep-alive followed the reconnection")
                return
            }
            #expect(position == FeedPosition(epoch: "a", revision: 1))
        }
    }

    @Test func `a newer connection of the same follower takes over`() async throws {
        let hub = FeedHub<Item>()
        let first = hub.connect("north", catchUp: [])
        let second = hub.connect("north", catchUp: [])
        let message = FeedMessage.change(
            position: FeedPosition(epoch: "a", revision: 1), upserts: [Item(key: "one", value: 1)], removals: [])
        hub.publish(message, to: "north")
        hub.disconnect("north")
        var old: [FeedMessage<Item>] = []
        for await message in first.messages { old.append(message) }
        var new: [FeedMessage<Item>] = []
        for await message in second.messages { new.append(message) }
        #expect(old.isEmpty)
        #expect(new == [message])
    }

    @Test func `a follower that does not read is cut off at the queue's limit`() async throws {
        let hub = FeedHub<Item>()
        let connection = hub.connect("north", catchUp: [])
        for revision in 1...UInt64(FeedHub<Item>.maximumQueue + 1) {
            hub.publish(.keepAlive(position: FeedPosition(epoch: "a", revision: revision)), to: "north")
        }
        #expect(hub.followers.isEmpty)
        var count = 0
        for await _ in connection.messages { count += 1 }
        #expect(count == FeedHub<Item>.maximumQueue)
    }
}
