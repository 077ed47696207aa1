import Clockwork
import Wire

extension PIMRouter {
    /// Takes in a whole IPv4 packet as a raw socket hands it. A packet that is refused changes nothing but a counter.
    package mutating func receive(
        _ packet: RawSpan, on index: InterfaceIndex, now: Instant, into actions: inout [PIMAction]
    ) {
        guard let interface = interfaces[index] else {
            unknownInterfacePackets &+= 1
            return
        }
        do throws(PIMError) {
            let packet = try PIMPacket(decodingIPv4: packet)
            guard !isOwnAddress(packet.source) else { throw .ownAddress }
            try interface.checkSender(packet.source)
            try receive(packet.message, from: .v4(packet.source), on: interface, now: now, into: &actions)
        } catch {
            interfaces[index]?.counters.refuse(error)
        }
        flush(into: &actions)
    }

    private func isOwnAddress(_ address: IPv4Address) -> Bool {
        interfaces.values.contains { $0.address == address }
    }

    private mutating func receive(
        _ message: PIMMessage, from sender: IPAddress, on interface: PIMInterface, now: Instant,
        into actions: inout [PIMAction]
    ) throws(PIMError) {
        if case .hello(let hello) = message {
            interfaces[interface.index]?.counters.hellosReceived &+= 1
            try receiveHello(hello, from: sender, on: interface, now: now, into: &actions)
            return
        }
        guard interface.neighbors[sender] != nil else { throw .notANeighbor }
        switch message {
        case .hello: break
        case .joinPrune(let joinPrune):
            interfaces[interface.index]?.counters.joinPrunesReceived &+= 1
            if joinPrune.upstreamNeighbor == .v4(interface.address) {
                receiveJoinPrune(joinPrune, from: sender, on: interface, now: now, into: &actions)
            } else {
                overhear(joinPrune, on: interface, now: now)
            }
        case .assert:
            interfaces[interface.index]?.counters.assertsReceived &+= 1
            throw .assertIgnored
        }
    }

    // MARK: Hello

    private mutating func receiveHello(
        _ hello: Hello, from sender: IPAddress, on interface: PIMInterface, now: Instant,
        into actions: inout [PIMAction]
    ) throws(PIMError) {
        let index = interface.index
        guard hello.holdtime != 0 else {
            removeNeighbor(sender, on: index, now: now, into: &actions)
            return
        }
        guard
            let outcome = try interfaces[index]?.neighbors.hear(
                hello, from: sender, limit: interface.configuration.maxNeighbors, now: now)
        else { return }
        watchLiveness(of: sender, on: index)
        var changed: [IPAddress] = []
        switch outcome {
        case .appeared:
            actions.append(.neighborUp(index, sender))
            owe(helloOn: interface, now: now)
            changed = [sender]
        case .restarted:
            owe(helloOn: interface, now: now)
            hastenJoins(to: sender, on: index, now: now)
        case .refreshed: break
        }
        changed += takeSecondaryAddresses(hello.secondaryAddresses, of: sender, on: index)
        for address in changed { resolve(NextHop(interface: index, address: address), now: now) }
    }

    private mutating func watchLiveness(of neighbor: IPAddress, on index: InterfaceIndex) {
        if let expires = interfaces[index]?.neighbors[neighbor]?.expires {
            timers.set(.neighborLiveness(index, neighbor), at: expires)
        } else {
            timers.cancel(.neighborLiveness(index, neighbor))
        }
    }

    /// A neighbour that is new or has lost its state must learn of us: soon, and before our next Join/Prune.
    private mutating func owe(helloOn interface: PIMInterface, now: Instant) {
        let timer = PIMTimer.triggeredHello(interface.index)
        interfaces[interface.index]?.owesHello = true
        guard timers.deadline(of: timer) == nil else { return }
        timers.set(timer, at: now + generator.duration(upTo: interface.configuration.triggeredHelloDelay))
    }

    private mutating func takeSecondaryAddresses(
        _ claimed: [IPAddress], of neighbor: IPAddress, on index: InterfaceIndex
    ) -> [IPAddress] {
        let own = interfaces.values.map { IPAddress.v4($0.address) }
        guard
            let (changed, conflicts) = interfaces[index]?.neighbors.setSecondaryAddresses(
                claimed, of: neighbor, isOwn: { own.contains($0) })
        else { return [] }
        for _ in 0..<conflicts { interfaces[index]?.counters.refuse(.secondaryAddressConflict) }
        return changed
    }

    /// A neighbour said goodbye, fell silent or may be one no longer. What it joined stays until it expires.
    mutating func removeNeighbor(
        _ neighbor: IPAddress, on index: InterfaceIndex, now: Instant, into actions: inout [PIMAction]
    ) {
        guard let removed = interfaces[index]?.neighbors.remove(neighbor) else { return }
        timers.cancel(.neighborLiveness(index, neighbor))
        actions.append(.neighborDown(index, neighbor))
        for address in [neighbor] + removed.secondaryAddresses {
            resolve(NextHop(interface: index, address: address), now: now)
        }
    }
}
