import Clockwork
import Wire

/// PIM-SM as far as source trees need it (RFC 7761: Hello, (S,G) Join/Prune in both directions), over all interfaces.
///
/// Above it, `MulticastRouting` says which trees are wanted through which neighbour (`setUpstream`) and asks which
/// interfaces neighbours have joined (`isJoined`). Trees whose downstream interface is also their upstream one are
/// reported like any other: leaving the input interface out of the output ports is the caller's.
package struct PIMRouter: Sendable {
    /// Downstream entries over all interfaces, unless told otherwise.
    package static let defaultMaximumEntries = 65_536

    let maximumEntries: Int
    var interfaces: [InterfaceIndex: PIMInterface] = [:]
    var upstream = UpstreamTable()
    var downstream = DownstreamTable()
    var timers = DeadlineQueue<PIMTimer>()
    var outbox = JoinPruneOutbox()
    var generator: SeededGenerator
    /// Of interfaces that PIM does not run on now: counters never go back while an interface exists.
    var restingCounters: [InterfaceIndex: PIMCounters] = [:]
    /// Packets that came in on an interface without PIM.
    package internal(set) var unknownInterfacePackets: UInt64 = 0

    package init(seed: UInt64, maximumEntries: Int = Self.defaultMaximumEntries) {
        self.maximumEntries = maximumEntries
        generator = SeededGenerator(seed: seed)
    }

    // MARK: Interfaces

    /// Starts PIM on an interface; on one that runs it already, takes over what changed. A new address is a new start:
    /// neighbours know a router by its address. Senders outside `subnets` are refused.
    package mutating func addInterface(
        _ index: InterfaceIndex, address: IPv4Address, subnets: [IPPrefix], configuration: PIMConfiguration,
        now: Instant, into actions: inout [PIMAction]
    ) {
        if let present = interfaces[index], present.address == address {
            reconfigure(present, subnets: subnets, configuration: configuration, now: now, into: &actions)
            return
        }
        removeInterface(index, now: now, into: &actions)
        interfaces[index] = PIMInterface(
            index: index, address: address, subnets: subnets, configuration: configuration,
            generationID: UInt32.random(in: 1...UInt32.max, using: &generator))
        if let counters = restingCounters.removeValue(forKey: index) { interfaces[index]?.counters = counters }
        timers.set(.hello(index), at: now + generator.duration(upTo: configuration.triggeredHelloDelay))
    }

    private mutating func reconfigure(
        _ present: PIMInterface, subnets: [IPPrefix], configuration: PIMConfiguration, now: Instant,
        into actions: inout [PIMAction]
    ) {
        guard present.subnets != subnets || present.configuration != configuration else { return }
        interfaces[present.index]?.subnets = subnets
        interfaces[present.index]?.configuration = configuration
        for neighbor in present.neighbors.all where !mayStay(neighbor, on: present.index) {
            removeNeighbor(neighbor.address, on: present.index, now: now, into: &actions)
        }
        sendHello(on: present.index, into: &actions)
        timers.set(.hello(present.index), at: now + configuration.helloInterval)
        flush(into: &actions)
    }

    private func mayStay(_ neighbor: PIMNeighbor, on index: InterfaceIndex) -> Bool {
        guard let address = neighbor.address.v4, let interface = interfaces[index] else { return false }
        do throws(PIMError) {
            try interface.checkSender(address)
            return true
        } catch { return false }
    }

    /// Ends PIM on an interface: says goodbye, forgets its neighbours and what they joined. Trees wanted through it
    /// stay wanted and are joined when the interface and the neighbour are back.
    package mutating func removeInterface(_ index: InterfaceIndex, now: Instant, into actions: inout [PIMAction]) {
        guard let interface = interfaces[index] else { return }
        sendHello(on: index, holdtime: 0, into: &actions)
        timers.cancel(.hello(index))
        timers.cancel(.triggeredHello(index))
        for neighbor in interface.neighbors.all {
            removeNeighbor(neighbor.address, on: index, now: now, into: &actions)
        }
        for tree in downstream.trees(on: index) {
            removeDownstream(tree, on: index, into: &actions)
        }
        restingCounters[index] = interfaces[index]?.counters
        interfaces[index] = nil
        flush(into: &actions)
    }

    /// The interface exists no more: forgets what was counted on it.
    package mutating func forgetCounters(of index: InterfaceIndex) { restingCounters[index] = nil }

    /// Says goodbye on every interface and forgets everything. Neighbours keep what we joined until it expires, so that
    /// a router that comes back soon has missed nothing; one that goes for good withdraws its trees first.
    package mutating func stop(now: Instant, into actions: inout [PIMAction]) {
        for index in interfaces.keys.sorted() {
            sendHello(on: index, holdtime: 0, into: &actions)
        }
        interfaces = [:]
        upstream = UpstreamTable()
        downstream = DownstreamTable()
        timers = DeadlineQueue()
    }

    // MARK: Time

    /// When `tick` is due next.
    package mutating func nextDeadline() -> Instant? { timers.nextDeadline() }

    /// Does everything that is due at `now`.
    package mutating func tick(now: Instant, into actions: inout [PIMAction]) {
        while let timer = timers.popDue(at: now) {
            fire(timer, now: now, into: &actions)
        }
        flush(into: &actions)
    }

    private mutating func fire(_ timer: PIMTimer, now: Instant, into actions: inout [PIMAction]) {
        switch timer {
        case .hello(let index):
            sendHello(on: index, into: &actions)
            if let interface = interfaces[index] {
                timers.set(timer, at: now + max(interface.configuration.helloInterval, .seconds(1)))
            }
        case .triggeredHello(let index):
            sendHello(on: index, into: &actions)
        case .neighborLiveness(let index, let address):
            removeNeighbor(address, on: index, now: now, into: &actions)
        case .join(let tree):
            refreshJoin(of: tree, now: now)
        case .expiry(let tree, let index):
            stepDownstream(tree, on: index, into: &actions) { $0.expiryTimerExpired() }
        case .prunePending(let tree, let index):
            prunePendingTimerExpired(tree, on: index, into: &actions)
        }
    }

    // MARK: Sending

    mutating func sendHello(on index: InterfaceIndex, holdtime: UInt16? = nil, into actions: inout [PIMAction]) {
        guard let interface = interfaces[index] else { return }
        let hello = interface.hello(holdtime: holdtime ?? interface.configuration.helloHoldtime.holdtimeField)
        send(.hello(hello), on: index, into: &actions)
        interfaces[index]?.counters.hellosSent &+= 1
        interfaces[index]?.owesHello = false
        timers.cancel(.triggeredHello(index))
    }

    /// Sends what the step decided, a Hello before it where a neighbour may not know us yet.
    mutating func flush(into actions: inout [PIMAction]) {
        guard !outbox.isEmpty else { return }
        for (destination, requests) in outbox.drain() {
            guard let interface = interfaces[destination.interface] else { continue }
            if interface.owesHello { sendHello(on: interface.index, into: &actions) }
            let messages = JoinPrune.messages(
                to: destination.upstreamNeighbor, holdtime: interface.configuration.joinPruneHoldtime.holdtimeField,
                requests: requests, mtu: interface.configuration.mtu)
            for message in messages {
                send(.joinPrune(message), on: interface.index, into: &actions)
                interfaces[interface.index]?.counters.joinPrunesSent &+= 1
            }
        }
    }

    private func send(_ message: PIMMessage, on index: InterfaceIndex, into actions: inout [PIMAction]) {
        actions.append(.send(message: message.encodedForIPv4(), interface: index, destination: .allPIMRouters))
    }
}
