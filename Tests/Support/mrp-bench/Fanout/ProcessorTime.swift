import Foundation
import Lab

/// What a running program has used so far.
struct ProcessUsage {
    /// Seconds of processor time of all its threads.
    var processorSeconds: Double
    /// When that was, in seconds of the monotonic clock.
    var time: Double

    init(of child: ChildProcess) throws {
        var clock = clockid_t()
        var used = timespec()
        guard clock_getcpuclockid(child.identifier, &clock) == 0, clock_gettime(clock, &used) == 0 else {
            throw BenchFailure("\(child.name) ended:\n\(child.log.suffix(2000))")
        }
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        processorSeconds = Double(used.tv_sec) + Double(used.tv_nsec) / 1e9
        time = Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
    }

    /// Processors kept busy since `earlier`: 1 is one whole core.
    func load(since earlier: ProcessUsage) -> Double {
        (processorSeconds - earlier.processorSeconds) / (time - earlier.time)
    }
}

/// Bytes of a program's memory that are its own, without files and what it shares with the kernel, such as a media ring.
func anonymousMemory(of child: ChildProcess) throws -> Double {
    guard let text = try? String(contentsOfFile: "/proc/\(child.identifier)/smaps_rollup", encoding: .utf8),
        let line = text.split(separator: "\n").first(where: { $0.hasPrefix("Anonymous:") }),
        let kibibytes = line.split(separator: " ").dropFirst().first.flatMap({ Double($0) })
    else { throw BenchFailure("\(child.name) ended") }
    return kibibytes * 1024
}
