import KernelMulticast
import Lab
import LinuxIO
import Netlink
import Wire

/// What 10,000 entries cost until the kernel's forwarding cache has them, beside a bare C loop with the same batches.
///
/// Both sides count processor time: the kernel makes each change in the sender's own system call, and waiting for its
/// lock while somebody else has it is neither side's cost.
enum ForwardingCacheBench: Bench {
    static let name = "forwarding-cache"
    static let summary = "10,000 forwarding entries set, replaced and removed"

    private static let entryCount = 10_000
    private static let rounds = 7
    private static let interfaceNames = (0..<5).map { "mfc\($0)" }

    /// Nanoseconds an entry.
    private struct Cost {
        var set, replace, remove: Double

        static func least(_ all: [Cost], _ part: (Cost) -> Double) -> Double { all.map(part).min() ?? .infinity }
    }

    static func run(_ environment: BenchEnvironment) throws -> [BenchLine] {
        // A node has its loopback up: where that is down, Foundation can start no process and waits for ever.
        let lab = try Lab("fc")
        defer { lab.tearDown() }
        return try lab.node("r").inNamespace { try measure(environment) }
    }

    private static func measure(_ environment: BenchEnvironment) throws -> [BenchLine] {
        let configuration = try NetworkConfiguration()
        for name in interfaceNames { try configuration.addVethPair(name, "\(name)x") }
        var (ours, loop): ([Cost], [Cost]) = ([], [])
        // In turn, so that both meet the same machine; the least is what the code costs.
        for _ in 0..<rounds {
            loop.append(try measureLoop(environment))
            ours.append(try measureOurs(configuration))
        }
        func line(_ what: String, _ part: (Cost) -> Double) -> BenchLine {
            BenchLine(
                name: "\(name) \(what)", unit: "ns/entry", ours: Cost.least(ours, part), otherName: "C loop",
                other: Cost.least(loop, part), bar: .ratioAtMost(1.5))
        }
        return [line("set", \.set), line("replace", \.replace), line("remove", \.remove)]
    }

    private static func measureLoop(_ environment: BenchEnvironment) throws -> Cost {
        let loop = "\(environment.baselines)/mfc_batch"
        let output = try check(["timeout", "--signal=KILL", "20", loop, "\(entryCount)"] + interfaceNames)
        let numbers = output.split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
        guard numbers.count == 3 else { throw BenchFailure("mfc_batch printed \"\(output)\"") }
        return Cost(set: numbers[0], replace: numbers[1], remove: numbers[2])
    }

    private static func measureOurs(_ configuration: NetworkConfiguration) throws -> Cost {
        let routing = try MulticastRoutingSocket()
        var table = VirtualInterfaceTable()
        var numbers: [VirtualInterface] = []
        for name in interfaceNames {
            guard let link = try configuration.link(named: name) else { throw BenchFailure("\(name) is gone") }
            numbers.append(try table.assign(link.index, use: .inputAndOutput))
            try routing.add(numbers[numbers.count - 1], for: link.index)
        }
        guard let input = table.interface(of: numbers[0]) else { throw BenchFailure("no input") }
        let cache = try ForwardingCache()
        let set = try time(cache) { .set($0, input: input, outputs: VirtualInterfaceSet(numbers[1...])) }
        let replace = try time(cache) { .set($0, input: input, outputs: VirtualInterfaceSet(numbers[1...3])) }
        let remove = try time(cache) { .remove($0) }
        return Cost(set: set, replace: replace, remove: remove)
    }

    /// The making of the changes counts as ours.
    private static func time(_ cache: ForwardingCache, _ change: (ForwardingKey) -> ForwardingChange) throws -> Double {
        let start = ThreadProcessorTime.now()
        let source = IPv4Address(10, 1, 0, 10)
        let changes = (0..<entryCount).map { number in
            change(ForwardingKey(source: source, group: IPv4Address(rawValue: 0xE801_0000 + UInt32(number))))
        }
        let refused = try cache.apply(changes)
        let elapsed = ThreadProcessorTime.now() - start
        guard refused.isEmpty else { throw BenchFailure("\(refused.count) entries refused, \(refused[0])") }
        return elapsed / Double(entryCount)
    }
}

/// A bench that could not be run, which is not a bar that was missed.
struct BenchFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
