import Clockwork
import ControlProtocol
import Glibc
import LinuxIO
import MediaIO
import OTTClient
import Wire

/// How a session ended.
struct PlayOutcome: Sendable {
    var report: SessionReport?
    var failure: ClientFailure?
}

/// One channel on one screen: joins, receives, asks again before the authorization expires and when the stream falls silent.
///
/// The receiver lives on an event loop with a thread of its own; requests run as a task and answer by mailbox.
final class PlaySession: Sendable {
    private let requester: JoinRequester
    private let work: LoopWork
    private let answers: Mailbox<Result<JoinAnswer, ClientFailure>>
    private let burstEvents: Mailbox<BurstEvent>
    private let requests: AsyncStream<Void>
    private let bursts: AsyncStream<BurstRequest>

    /// - Parameter fastZap: how to ask for a burst ahead of the group; nil asks for none.
    init(
        requester: JoinRequester, rendition: String?, sink: MediaSink, interface: InterfaceIndex, limit: Duration?,
        fastZap: FastZap? = nil
    ) throws(SystemError) {
        self.requester = requester
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        requests = stream
        let (bursts, askBurst) = AsyncStream.makeStream(of: BurstRequest.self, bufferingPolicy: .bufferingNewest(2))
        self.bursts = bursts
        let session = try ReceiveLoop(
            rendition: rendition, sink: sink, interface: interface, limit: limit, fastZap: fastZap,
            ask: { continuation.yield() }, burst: { askBurst.yield($0) },
            ended: {
                continuation.finish()
                askBurst.finish()
            })
        answers = session.answers
        burstEvents = session.burstEvents
        work = LoopWork(session)
    }

    func run() async -> PlayOutcome {
        let first = await requester.join()
        guard case .success(let answer) = first else {
            if case .failure(let failure) = first { return PlayOutcome(report: nil, failure: failure) }
            return PlayOutcome()
        }
        answers.send(.success(answer))
        async let outcome = work.run()
        async let burst: Void = fetchBursts()
        for await _ in requests { answers.send(await requester.join()) }
        await burst
        return await outcome
    }

    private func fetchBursts() async {
        var running: Task<Void, Never>?
        for await request in bursts {
            running?.cancel()
            guard case .start(let server, let path) = request else { continue }
            let fetcher = BurstFetcher(server: server, path: path, events: burstEvents)
            running = Task { await fetcher.run() }
        }
        running?.cancel()
        await running?.value
    }
}

/// Hands the loop to its thread and waits for its end.
private final class LoopWork: @unchecked Sendable {
    // Unchecked: the loop is made on one thread and from `run` on is touched by its own thread alone.
    private let loop: ReceiveLoop

    init(_ loop: ReceiveLoop) {
        self.loop = loop
    }

    func run() async -> PlayOutcome {
        await withCheckedContinuation { continuation in
            do throws(SystemError) {
                _ = try SystemThread(name: "receive") { [self] in continuation.resume(returning: loop.run()) }
            } catch {
                continuation.resume(returning: PlayOutcome(report: nil, failure: ClientFailure(.failed, "\(error)")))
            }
        }
    }
}
