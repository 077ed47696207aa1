import Foundation

/// What the kernel says of a running program.
struct ProcessFigures {
    private let folder: String

    /// - Parameter identifier: as `/proc` names it; `ip netns exec` keeps that of the child it was started as.
    init(_ identifier: Int32) {
        folder = "/proc/\(identifier)"
    }

    init(pidFile: String) throws {
        let text = try String(contentsOfFile: pidFile, encoding: .utf8)
        guard let identifier = Int32(text.filter(\.isNumber)) else { throw BenchFailure("\(pidFile): \(text)") }
        self.init(identifier)
    }

    /// Nanoseconds that all threads have run, in the kernel too.
    func processorTime() throws -> Double {
        let threads = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/task")
        return try threads.reduce(0) { sum, thread in
            let text = try String(contentsOfFile: "\(folder)/task/\(thread)/schedstat", encoding: .utf8)
            guard let time = text.split(separator: " ").first.flatMap({ Double($0) }) else {
                throw BenchFailure("\(folder): no schedstat")
            }
            return sum + time
        }
    }

    /// Megabytes (of a million bytes) in memory.
    func residentMegabytes() throws -> Double {
        let text = try String(contentsOfFile: "\(folder)/status", encoding: .utf8)
        let line = text.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        guard let kibibytes = line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({ Double($0) })
        else { throw BenchFailure("\(folder): no VmRSS") }
        return kibibytes * 1024 / 1e6
    }
}
