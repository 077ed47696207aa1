import Clockwork
import LinuxIO

/// Carries frames between two taps, each direction over an impaired line of its own.
final class Relay {
    private let loop: EventLoop
    private let devices: [Int: Device]
    private var lines: [Impairment]

    private final class Device {
        let descriptor: FileDescriptor
        init(_ descriptor: consuming FileDescriptor) { self.descriptor = descriptor }
    }

    init(first: String, second: String, settings: ImpairmentSettings, seed: UInt64) throws {
        loop = try EventLoop()
        devices = [0: Device(try TapDevice.open(first)), 1: Device(try TapDevice.open(second))]
        lines = [Impairment(settings: settings, seed: seed), Impairment(settings: settings, seed: seed &+ 1)]
    }

    /// Runs until SIGTERM or SIGINT.
    func run() throws {
        let timer = loop.makeTimer { [unowned self] now in deliver(now: now) }
        for index in 0...1 {
            guard let device = devices[index] else { continue }
            try loop.add(device.descriptor, .readable) { [unowned self] _ in receive(index) }
        }
        try loop.onSignals([15, 2]) { [unowned self] _ in loop.stop() }
        loop.beforeWaiting { [unowned self] in
            loop.setDeadline(timer, .earliest(lines[0].deadline, lines[1].deadline))
        }
        try loop.run()
    }

    var summary: String {
        let passed = lines.reduce(0) { $0 + $1.passed }
        let lost = lines.reduce(0) { $0 + $1.lost }
        let duplicated = lines.reduce(0) { $0 + $1.duplicated }
        let reordered = lines.reduce(0) { $0 + $1.reordered }
        return "passed \(passed), lost \(lost), duplicated \(duplicated), reordered \(reordered)"
    }

    private func receive(_ index: Int) {
        guard let device = devices[index] else { return }
        for _ in 0..<64 {
            guard let frame = try? device.descriptor.read(upTo: TapDevice.maximumFrame), !frame.isEmpty else { break }
            lines[index].handle(frame, now: MonotonicClock.now())
        }
        deliver(now: MonotonicClock.now())
    }

    private func deliver(now: Instant) {
        for index in 0...1 {
            guard let target = devices[1 - index] else { continue }
            // A full tap queue drops the frame, as a full line would.
            for frame in lines[index].takeDue(now: now) { _ = try? target.descriptor.write(frame[...]) }
        }
    }
}
