import CSystemShims
import Clockwork
import Glibc
import LinuxIO
import UnicastDelivery
import Wire

/// Everything that belongs to the media thread: datagrams in, connections out.
///
/// While media flows the packet socket is read every `receiveInterval`, not for every packet. A stream's viewers are served
/// together, when a batch has gathered or has waited long enough. Nothing is allocated or retained per send.
final class UnicastLoop {
    /// Between two reads of the packet socket while media flows.
    static let receiveInterval = Duration.milliseconds(10)
    static let pageBytes: UInt64 = 4096
    /// What has gathered goes out in batches of so much, or once it has waited so long. Fifteen whole pages are one train
    /// of segments on every link; sixteen are two.
    static let batchBytes = 15 * pageBytes
    static let batchAge = Duration.milliseconds(150)
    static let housekeepingInterval = Duration.seconds(1)
    /// After so many reads viewers are served before reading on.
    private static let readsPerRound = 16

    let loop: EventLoop
    let configuration: UnicastMedia.Configuration
    var counters = UnicastCounters()
    let table: ViewerTable
    let poller: ReadinessPoller
    var streams: [UnicastStream?] = []
    var streamIndex: [StreamKey: Int] = [:]
    var closed = ClosedSessions()
    /// Burst frames are put together here.
    var scratch: [UInt8] = []

    private var input: DeliverySocket?
    private var inputToken: EventLoop.Token?
    private var tick: EventLoop.Timer?
    private var housekeeping: EventLoop.Timer?
    /// The stream of the datagram before.
    private var recent: (key: StreamKey, stream: UnicastStream)?
    private let onInputFailure: @Sendable (SystemError) -> Void

    init(
        _ configuration: UnicastMedia.Configuration, onInputFailure: @escaping @Sendable (SystemError) -> Void
    ) throws(SystemError) {
        self.configuration = configuration
        self.onInputFailure = onInputFailure
        loop = try EventLoop()
        poller = try ReadinessPoller()
        table = ViewerTable(capacity: configuration.maximumViewers)
        tick = loop.makeTimer { [unowned self] now in round(now) }
        housekeeping = loop.makeTimer { [unowned self] now in keepHouse(now) }
        try loop.add(poller.descriptor, .readable) { [unowned self] _ in hearViewers() }
    }

    /// Serves until the loop is stopped; then every connection is closed.
    func run() {
        _ = mrp_block_broken_pipe()
        schedule(housekeeping, MonotonicClock.now() + Self.housekeepingInterval)
        do throws(SystemError) {
            try loop.run()
        } catch {
            onInputFailure(error)
        }
        for slot in 0..<table.used where table.isLive(slot) { close(slot, .shutdown) }
        for stream in streams { stream.map(refuseWaiting) }
    }

    private func schedule(_ timer: EventLoop.Timer?, _ deadline: Instant?) {
        if let timer { loop.setDeadline(timer, deadline) }
    }

    // MARK: Datagrams

    /// Takes another packet socket in place of the one before.
    func attach(_ descriptor: SharedDescriptor) {
        if let inputToken { loop.remove(inputToken) }
        inputToken = nil
        do throws(SystemError) {
            let socket = try DeliverySocket(try descriptor.descriptor.duplicate())
            inputToken = try loop.add(socket.descriptor, .readable) { [unowned self] _ in round(MonotonicClock.now()) }
            input = consume socket
        } catch {
            onInputFailure(error)
        }
    }

    /// One turn: reads what has arrived, serves who is due, and says when the next turn is.
    private func round(_ now: Instant) {
        let received = receive(now)
        let wallNow = WallClock.now()
        var isBusy = received > 0
        var hasBacklog = false
        for stream in streams {
            guard let stream else { continue }
            stream.feed.release(now: now, wallNow: wallNow)
            let head = stream.feed.index.head
            if let end = due(stream, head, now) {
                serve(stream, upTo: end, now)
                answerWaiting(stream, now)
            }
            isBusy = isBusy || head > stream.servedHead || stream.feed.deadline != nil
            hasBacklog = hasBacklog || stream.hasBacklog
        }
        listen(!isBusy)
        let isUnread = received >= Self.readsPerRound * DeliverySocket.defaultCapacity
        schedule(tick, hasBacklog || isUnread ? now : isBusy ? now + Self.receiveInterval : nil)
    }

    /// Up to where a stream's viewers are served now: the last whole batch, or everything that has waited long enough.
    private func due(_ stream: UnicastStream, _ head: UInt64, _ now: Instant) -> UInt64? {
        if head > stream.servedHead, now - stream.servedAt >= Self.batchAge { return head }
        let begin = stream.servedHead - stream.servedHead % Self.pageBytes
        let whole = head > begin ? (head - begin) / Self.batchBytes * Self.batchBytes : 0
        if whole > 0 { return begin + whole }
        let isAwaited = stream.hasWaitingViewers && stream.feed.index.liveEntry != nil
        return stream.hasBacklog || isAwaited ? stream.servedHead : nil
    }

    /// While busy the timer reads; the socket itself wakes the loop only when idle.
    private var isListening = true

    private func listen(_ listens: Bool) {
        guard let inputToken, listens != isListening else { return }
        isListening = listens
        // Fails only for a descriptor that is not registered.
        try? loop.update(inputToken, listens ? .readable : [])
    }

    private func receive(_ now: Instant) -> Int {
        guard input != nil else { return 0 }
        let wallNow = WallClock.now()
        var total = 0
        do throws(SystemError) {
            for _ in 0..<Self.readsPerRound {
                let count = try read(now, wallNow)
                total += count
                if count < DeliverySocket.defaultCapacity { break }
            }
        } catch {
            if let inputToken { loop.remove(inputToken) }
            inputToken = nil
            input = nil
            isListening = true
            onInputFailure(error)
        }
        return total
    }

    private func read(_ now: Instant, _ wallNow: UnixTime) throws(SystemError) -> Int {
        guard var socket = input.take() else { return 0 }
        let result: Result<Int, SystemError>
        do throws(SystemError) {
            result = .success(
                try socket.receive { header, payload in
                    take(
                        payload,
                        of: StreamKey(source: header.source, group: header.group, port: header.destinationPort),
                        now, wallNow)
                })
        } catch {
            result = .failure(error)
        }
        input = consume socket
        return try result.get()
    }

    private func take(_ payload: RawSpan, of key: StreamKey, _ now: Instant, _ wallNow: UnixTime) {
        if let recent, recent.key == key {
            recent.stream.feed.take(payload, now: now, wallNow: wallNow)
            return
        }
        guard let index = streamIndex[key], let stream = streams[index] else {
            counters.unwantedDatagrams &+= 1
            return
        }
        recent = (key, stream)
        stream.feed.take(payload, now: now, wallNow: wallNow)
    }

    // MARK: Streams

    /// The stream of `key`, begun if it is new; nil at the limit.
    func stream(_ key: StreamKey, _ now: Instant) -> (index: Int, stream: UnicastStream)? {
        if let index = streamIndex[key], let stream = streams[index] { return (index, stream) }
        guard streamIndex.count < configuration.maximumStreams else {
            counters.streamsRefused &+= 1
            return nil
        }
        do throws(SystemError) {
            let feed = try StreamFeed(configuration.ring, holdTime: configuration.holdTime)
            let stream = UnicastStream(key, feed: feed, now: now)
            let index = streams.firstIndex { $0 == nil } ?? streams.count
            if index == streams.count { streams.append(stream) } else { streams[index] = stream }
            streamIndex[key] = index
            return (index, stream)
        } catch {
            counters.streamsRefused &+= 1
            return nil
        }
    }

    private func forget(_ index: Int) {
        guard let stream = streams[index] else { return }
        refuseWaiting(stream)
        streamIndex[stream.key] = nil
        streams[index] = nil
        recent = nil
    }

    // MARK: Playlists

    func snapshot(
        _ key: StreamKey, waitingFor limit: Duration, _ answer: @escaping @Sendable (StreamSnapshot?) -> Void
    ) {
        let now = MonotonicClock.now()
        guard let (_, stream) = stream(key, now) else { return answer(nil) }
        stream.lastUsed = now
        if !stream.feed.index.segments.isEmpty { return answer(stream.snapshot) }
        guard stream.waiting.count < UnicastStream.maximumWaiting else { return answer(nil) }
        stream.waiting.append((now + limit, answer))
    }

    private func answerWaiting(_ stream: UnicastStream, _ now: Instant) {
        guard !stream.waiting.isEmpty, !stream.feed.index.segments.isEmpty else { return }
        let snapshot = stream.snapshot
        for waiting in stream.waiting { waiting.answer(snapshot) }
        stream.waiting = []
    }

    private func refuseWaiting(_ stream: UnicastStream) {
        for waiting in stream.waiting { waiting.answer(nil) }
        stream.waiting = []
    }

    // MARK: Once a second

    private func keepHouse(_ now: Instant) {
        schedule(housekeeping, now + Self.housekeepingInterval)
        if var socket = input.take() {
            // Fails only for a socket that `receive` will find failed.
            _ = try? socket.readKernelDrops()
            counters.delivery = socket.counters
            input = consume socket
        }
        for slot in 0..<table.used where table.isLive(slot) { inspect(slot, now) }
        for index in streams.indices {
            guard let stream = streams[index] else { continue }
            let overdue = stream.waiting.filter { $0.until <= now }
            stream.waiting.removeAll { $0.until <= now }
            for waiting in overdue { waiting.answer(nil) }
            if !stream.viewers.isEmpty { stream.lastUsed = now }
            if now - stream.lastUsed >= configuration.streamLinger { forget(index) }
        }
    }
}

/// The sessions closed last, for a connection that was admitted before and comes after.
struct ClosedSessions {
    static let limit = 4096
    private var known: Set<UInt64> = []
    private var order: [UInt64] = []
    private var oldest = 0

    func contains(_ session: UInt64) -> Bool { known.contains(session) }

    mutating func insert(_ session: UInt64) {
        guard known.insert(session).inserted else { return }
        guard order.count == Self.limit else { return order.append(session) }
        known.remove(order[oldest])
        order[oldest] = session
        oldest = (oldest + 1) % Self.limit
    }
}
