import Clockwork
import ControlProtocol
import Glibc
import LinuxIO
import MediaIO
import OTTClient
import Wire

/// Everything that happens on the receiving thread.
final class ReceiveLoop {
    private static let reportInterval = Duration.seconds(1)
    /// A stream that is silent for so long is asked for again.
    private static let silenceLimit: Int64 = 5_000
    private static let maximumAnswers = 16
    /// Parts of a burst that wait for the loop, each what one read of the connection brought.
    private static let maximumBurstParts = 64

    private(set) var answers: Mailbox<Result<JoinAnswer, ClientFailure>>
    private(set) var burstEvents: Mailbox<BurstEvent>
    private let loop: EventLoop
    private let rendition: String?
    private let sink: MediaSink
    private let interface: InterfaceIndex
    private let limit: Duration?
    private let ask: () -> Void
    private let burst: (BurstRequest) -> Void
    private let fastZap: FastZap?
    private let ended: () -> Void

    private var receiver: MediaReceiver?
    private var lastReport: SessionReport?
    private var lastAsked = MonotonicClock.now()
    private var askAgain: Instant?
    private var end: Instant?
    private var outcome = PlayOutcome()

    init(
        rendition: String?, sink: MediaSink, interface: InterfaceIndex, limit: Duration?, fastZap: FastZap?,
        ask: @escaping () -> Void, burst: @escaping (BurstRequest) -> Void, ended: @escaping () -> Void
    ) throws(SystemError) {
        loop = try EventLoop()
        (self.rendition, self.sink, self.interface, self.limit) = (rendition, sink, interface, limit)
        self.fastZap = fastZap
        (self.ask, self.burst, self.ended) = (ask, burst, ended)
        let inbox = Inbox()
        answers = loop.mailbox(limit: Self.maximumAnswers) { inbox.owner?.take($0) }
        burstEvents = loop.mailbox(limit: Self.maximumBurstParts) { inbox.owner?.take($0) }
        inbox.owner = self
        try loop.onSignals([SIGTERM, SIGINT]) { _ in inbox.owner?.loop.stop() }
        let timer = loop.makeTimer { now in inbox.owner?.everySecond(now) }
        inbox.timer = timer
        loop.setDeadline(timer, MonotonicClock.now() + Self.reportInterval)
        self.inbox = inbox
    }

    /// What the loop's handlers reach the session by, since they are made before it is.
    private final class Inbox {
        weak var owner: ReceiveLoop?
        var timer: EventLoop.Timer?
    }

    private var inbox: Inbox?

    func run() -> PlayOutcome {
        do throws(SystemError) {
            try loop.run()
        } catch {
            outcome.failure = ClientFailure(.failed, "\(error)")
        }
        outcome.report = receiver?.close() ?? lastReport
        receiver = nil
        ended()
        return outcome
    }

    private func take(_ answer: Result<JoinAnswer, ClientFailure>) {
        switch answer {
        case .success(let answer): follow(answer)
        case .failure(let failure) where failure.exitCode == .denied || failure.exitCode == .notFound:
            outcome.failure = failure
            loop.stop()
        case .failure(let failure):
            // The stream may well go on without the server; it is asked again.
            StandardError.print("mrp-client: \(failure.message); asking again")
            askAgain = MonotonicClock.now() + .seconds(2)
        }
    }

    private func take(_ event: BurstEvent) {
        switch event {
        case .bytes(let bytes): receiver?.receiveBurst(bytes)
        case .ended: receiver?.burstEnded()
        }
    }

    private func follow(_ answer: JoinAnswer) {
        let now = MonotonicClock.now()
        askAgain = now + .milliseconds(max(1_000, (answer.expires - WallClock.now()).milliseconds / 2))
        guard let resource = choose(from: answer) else { return }
        var subscription = MediaReceiver.Subscription(
            group: resource.group, source: answer.resource.addressing == .anySource ? nil : resource.source,
            port: resource.port, interface: interface)
        subscription.repairPorts = resource.repairPorts
        guard receiver?.subscription != subscription else { return }
        lastReport = receiver?.close() ?? lastReport
        do throws(SystemError) {
            // Only the first group is worth one: a later one replaces a stream that has ended.
            let request = lastReport == nil ? fastZap?.request(answer, rendition: resource.rendition) : nil
            var configuration = MediaReception.Configuration(repairing: resource.fec)
            configuration.expectsBurst = request != nil
            let joined = try MediaReceiver(subscription, to: sink, on: loop, configuration: configuration)
            joined.onBurstOver = { [unowned self] in burst(.stop) }
            joined.onSinkFailure = { [unowned self] failure in
                outcome.failure = ClientFailure(.failed, "the output takes nothing any more: \(failure)")
                loop.stop()
            }
            receiver = joined
            if let request { burst(request) }
            if end == nil { end = limit.map { now + $0 } }
            StandardError.print(
                "joined (\(resource.source),\(resource.group)) port \(resource.port), rendition \(resource.rendition)")
        } catch {
            outcome.failure = ClientFailure(
                .failed, "cannot join \(resource.group): \(error)",
                hint: "Name the interface that leads to the replication point with --interface.")
            loop.stop()
        }
    }

    private func choose(from answer: JoinAnswer) -> RenditionResource? {
        let wanted =
            rendition ?? answer.mediaDescription.renditions.max { $0.bandwidth < $1.bandwidth }?.name
        if let found = answer.resource.renditions.first(where: { $0.rendition == wanted }) { return found }
        let names = answer.resource.renditions.map(\.rendition).joined(separator: ", ")
        outcome.failure = ClientFailure(
            .notFound, "the channel has no rendition \"\(wanted ?? "")\"", hint: "It has: \(names).")
        loop.stop()
        return nil
    }

    private func everySecond(_ now: Instant) {
        if let timer = inbox?.timer { loop.setDeadline(timer, earliestWakeUp(now)) }
        guard let receiver else { return }
        if let end, end <= now {
            loop.stop()
            return
        }
        let report = receiver.report
        StandardError.printLive(report.liveLine(since: lastReport))
        lastReport = report
        let isSilent = (report.silence ?? report.duration) >= Self.silenceLimit
        let isDue = askAgain.map { $0 <= now } ?? false
        guard isDue || isSilent, now - lastAsked >= .milliseconds(Self.silenceLimit) else { return }
        lastAsked = now
        ask()
    }

    private func earliestWakeUp(_ now: Instant) -> Instant {
        let next = now + Self.reportInterval
        guard let end, end > now else { return next }
        return min(next, end)
    }
}
