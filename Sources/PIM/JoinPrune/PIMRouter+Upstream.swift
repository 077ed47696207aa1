import Clockwork
import Wire

extension PIMRouter {
    /// Wants `tree` joined through `interface` towards `neighbor`, the next hop to the source; a nil interface
    /// withdraws the wish, a nil neighbour means that the source is on the link itself and nobody needs to be asked. Without such a
    /// neighbour the Join waits until it appears. A tree without a source is ignored.
    package mutating func setUpstream(
        _ tree: SourceGroup, interface: InterfaceIndex?, neighbor: IPAddress?, now: Instant,
        into actions: inout [PIMAction]
    ) {
        guard tree.source != nil else { return }
        requestUpstream(tree, through: interface.map { NextHop(interface: $0, address: neighbor) }, now: now)
        flush(into: &actions)
    }

    private mutating func requestUpstream(_ tree: SourceGroup, through nextHop: NextHop?, now: Instant) {
        guard upstream[tree]?.nextHop != nextHop else { return }
        let old = upstream[tree]
        upstream[tree] = nextHop.map { UpstreamMachine(nextHop: $0, now: now) }
        timers.cancel(.join(tree))
        let isSameRouter = nextHop.map { $0.interface == old?.nextHop.interface && rpfNeighbor($0) == old?.neighbor }
        if let old, let neighbor = old.neighbor, isSameRouter != true {
            request(.prune, tree, to: neighbor, on: old.nextHop.interface)
        }
        resolve(tree, now: now)
    }

    /// Sends a Join or Prune to `neighbor` at the end of this step.
    private mutating func request(
        _ request: JoinPruneOutbox.Request, _ tree: SourceGroup, to neighbor: IPAddress, on index: InterfaceIndex
    ) {
        outbox.add(request, tree, to: .init(interface: index, upstreamNeighbor: neighbor))
    }

    // MARK: RPF'(S,G)

    private func rpfNeighbor(_ nextHop: NextHop) -> IPAddress? {
        nextHop.address.flatMap { interfaces[nextHop.interface]?.neighbors.primaryAddress(for: $0) }
    }

    /// Who has this next hop may have changed: every tree through it follows.
    mutating func resolve(_ nextHop: NextHop, now: Instant) {
        for tree in upstream.trees(through: nextHop) { resolve(tree, now: now) }
    }

    private mutating func resolve(_ tree: SourceGroup, now: Instant) {
        guard var machine = upstream[tree] else { return }
        let interface = machine.nextHop.interface
        let old = machine.neighbor
        let messages = machine.neighborChanged(
            to: rpfNeighbor(machine.nextHop),
            isOldAlive: old.map { interfaces[interface]?.neighbors[$0] != nil } ?? false,
            refreshAfter: refreshInterval(on: interface), now: now)
        if let prune = messages.prune { request(.prune, tree, to: prune, on: interface) }
        if let join = messages.join { request(.join, tree, to: join, on: interface) }
        store(machine, tree)
    }

    private mutating func store(_ machine: UpstreamMachine, _ tree: SourceGroup) {
        guard machine != upstream[tree] else { return }
        upstream[tree] = machine
        if let timer = machine.joinTimer {
            timers.set(.join(tree), at: timer)
        } else {
            timers.cancel(.join(tree))
        }
    }

    // MARK: Join timer

    private func refreshInterval(on index: InterfaceIndex) -> Duration {
        max(interfaces[index]?.configuration.joinPruneInterval ?? .seconds(60), .seconds(1))
    }

    /// JT of `tree` expired. Trees to the same neighbour that are due soon go along: an early refresh harms nobody,
    /// and their timers stay together from then on, so a thousand trees take a few messages instead of a thousand.
    mutating func refreshJoin(of tree: SourceGroup, now: Instant) {
        guard let nextHop = upstream[tree]?.nextHop else { return }
        let interval = refreshInterval(on: nextHop.interface)
        let soon = now + .nanoseconds(interval.nanoseconds / 12)
        for companion in upstream.trees(through: nextHop) {
            guard var machine = upstream[companion], let neighbor = machine.neighbor, let timer = machine.joinTimer,
                timer <= soon
            else { continue }
            request(.join, companion, to: neighbor, on: nextHop.interface)
            machine.joinSent(refreshAfter: interval, now: now)
            store(machine, companion)
        }
    }

    // MARK: What others say to our upstream neighbour

    /// A Join/Prune to another router: others' joins make ours superfluous, others' prunes make ours urgent.
    mutating func overhear(_ message: JoinPrune, on interface: PIMInterface, now: Instant) {
        let suppression = suppression(on: interface, holdtime: message.holdtime)
        for group in message.groups {
            for source in group.joined {
                overhear(group.group, source, to: message.upstreamNeighbor, on: interface) { machine, _ in
                    machine.sawJoin(suppression: suppression, now: now)
                }
            }
            for source in group.pruned {
                overhear(group.group, source, to: message.upstreamNeighbor, on: interface) { machine, override in
                    machine.joinNeeded(within: override, now: now)
                }
            }
        }
    }

    /// Entries of other routers that we could not serve ourselves are none of our business and not counted.
    private mutating func overhear(
        _ group: EncodedGroup, _ source: EncodedSource, to neighbor: IPAddress, on interface: PIMInterface,
        _ step: (inout UpstreamMachine, _ override: Duration) -> Void
    ) {
        let tree: SourceGroup
        do throws(PIMError) { tree = try Self.tree(group, source) } catch { return }
        guard var machine = upstream[tree], machine.nextHop.interface == interface.index, machine.neighbor == neighbor
        else { return }
        step(&machine, generator.duration(upTo: interface.neighbors.overrideInterval(own: interface.configuration)))
        store(machine, tree)
    }

    /// t_joinsuppress = min(t_suppressed, holdtime), with t_suppressed between 1.1 and 1.4 times t_periodic.
    private mutating func suppression(on interface: PIMInterface, holdtime: UInt16) -> Duration {
        guard interface.neighbors.isSuppressionEnabled else { return .zero }
        let tenth = Duration.nanoseconds(refreshInterval(on: interface.index).nanoseconds / 10)
        return min(tenth * 11 + generator.duration(upTo: tenth * 3), .seconds(Int64(holdtime)))
    }

    /// The neighbour restarted and forgot what we joined: join again within t_override.
    mutating func hastenJoins(to neighbor: IPAddress, on index: InterfaceIndex, now: Instant) {
        guard let interface = interfaces[index], let known = interface.neighbors[neighbor] else { return }
        let override = generator.duration(upTo: interface.neighbors.overrideInterval(own: interface.configuration))
        for address in [neighbor] + known.secondaryAddresses {
            for tree in upstream.trees(through: NextHop(interface: index, address: address)) {
                guard var machine = upstream[tree] else { continue }
                machine.joinNeeded(within: override, now: now)
                store(machine, tree)
            }
        }
    }
}
