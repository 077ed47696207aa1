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
    private let requests: AsyncStream<Void>

    init(
        requester: JoinRequester, rendition: String?, sink: MediaSink, interface: InterfaceIndex, limit: Duration?
    ) throws(SystemError) {
        self.requester = requester
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        requests = stream
        let session = try ReceiveLoop(
            rendition: rendition, sink: sink, interface: interface, limit: limit,
            ask: { continuation.yield() }, ended: { continuation.finish() })
        answers = session.answers
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
        for await _ in requests { answers.send(await requester.join()) }
        return await outcome
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
