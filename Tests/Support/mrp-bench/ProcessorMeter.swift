import Foundation
import Glibc

/// What work costs on one CPU that everything measured is bound to.
///
/// A process's own time already holds the kernel's forwarding, which runs within its system calls (unless the kernel
/// accounts interrupts apart); the CPU's time holds what its threads do beside, and whatever else runs there.
final class ProcessorMeter {
    struct Reading {
        /// Seconds of this process, all threads.
        var process: Double
        /// Seconds the CPU was not idle, whoever used it; counted in ticks of 10 ms.
        var busy: Double

        static func - (later: Reading, earlier: Reading) -> Reading {
            Reading(process: later.process - earlier.process, busy: later.busy - earlier.busy)
        }
    }

    let cpu: Int
    /// As the kernel writes it, such as `0-3`.
    private let allowed: String

    /// Binds the main thread, and every thread and process it starts from now on, to the last CPU it may use.
    init() throws {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("Cpus_allowed_list:") }
        guard let list = line?.split(separator: ":").last?.trimmingCharacters(in: .whitespaces),
            let last = list.split(whereSeparator: { $0 == "," || $0 == "-" }).last.flatMap({ Int($0) })
        else { throw BenchFailure("/proc/self/status names no CPU") }
        allowed = list
        cpu = last
        try Self.bind(to: "\(last)")
    }

    deinit { try? Self.bind(to: allowed) }

    private static func bind(to list: String) throws {
        let output = try ProxyTestbed.output(of: "/usr/bin/env", ["taskset", "-c", "-p", list, "\(getpid())"])
        guard output.status == 0 else { throw BenchFailure("taskset: \(output.text)") }
    }

    func read() throws -> Reading {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Reading(process: Double(time.tv_sec) + Double(time.tv_nsec) / 1e9, busy: try busy())
    }

    private func busy() throws -> Double {
        let text = try String(contentsOfFile: "/proc/stat", encoding: .utf8)
        guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("cpu\(cpu) ") }) else {
            throw BenchFailure("/proc/stat has no cpu\(cpu)")
        }
        let ticks = line.split(separator: " ").dropFirst().compactMap { Double($0) }
        guard ticks.count >= 8 else { throw BenchFailure("/proc/stat: \(line)") }
        // user, nice, system; not idle and iowait; irq, softirq.
        return (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]) / Double(sysconf(CInt(_SC_CLK_TCK)))
    }
}
