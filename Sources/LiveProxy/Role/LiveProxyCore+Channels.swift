import Channels
import Clockwork
import ControlProtocol
import Wire

// The life of a channel: describing → awaiting → flowing ⇄ lingering → released, with `cold` or `warm` in place of
// `awaiting` and `released` for what was allocated ahead of any viewer.
extension LiveProxyCore {
    mutating func restore(_ stored: [LiveProxyState.Channel]) {
        for entry in stored {
            guard servers[entry.server] != nil, allocator[entry.channel] != nil, channels[entry.channel] == nil else {
                continue
            }
            channels[entry.channel] = ChannelState(
                server: entry.server, serial: entry.serial, preallocation: entry.preallocation,
                description: entry.description, phase: .describing)
            beginAllocated(entry.channel)
        }
        for resource in allocator.current where channels[resource.channel] == nil {
            allocator.release(resource.channel, now: now)
        }
    }

    mutating func allocate(_ indication: AllocationIndication, of server: String) {
        let channel = indication.channel
        if let state = channels[channel] {
            if state.server == server {
                renew(state, by: indication)
            } else {
                conflicts[ServedChannel(server: server, channel: channel)] = indication.serial
                countRefusal(.ownedByAnotherServer, of: channel)
            }
            return
        }
        channels[channel] = ChannelState(
            server: server, serial: indication.serial, preallocation: indication.preallocation,
            description: indication.description ?? settings.storedDescriptions[channel], phase: .describing)
        begin(channel)
    }

    private mutating func begin(_ channel: ChannelKey) {
        guard let state = channels[channel] else { return }
        if state.description != nil {
            allocateGroups(channel)
        } else {
            changes.fetches.append((state.server, channel))
            timers.set(.channel(channel), at: now + settings.descriptionTimeout)
        }
    }

    private mutating func allocateGroups(_ channel: ChannelKey) {
        guard let state = channels[channel], let description = state.description else { return }
        do throws(AllocationRefusal) {
            guard description.channel == channel, description.renditions.allSatisfy({ ChannelKey.isName($0.name) })
            else { throw .badMediaDescription }
            let resource = try allocator.allocate(
                channel, renditions: description.renditions.map(\.name), pool: settings.channelPools[channel],
                repair: settings.repair(of: channel, description.renditions), now: now)
            counters.allocations += 1
            changes.event(.allocated(channel: channel, generation: resource.generation))
            beginAllocated(channel)
        } catch {
            refuse(channel, error)
        }
    }

    private mutating func beginAllocated(_ channel: ChannelKey) {
        guard let state = channels[channel], let resource = allocator[channel] else { return }
        for tree in resource.trees {
            treeOwners[tree] = channel
            changes.trees.append(.localTree(tree: tree))
        }
        waiting[channel] = nil
        touch(channel)
        if let preallocation = state.preallocation {
            standBy(channel, preallocation)
        } else {
            awaitViewer(channel)
            startIngest(channel)
        }
    }

    /// Nobody watches, and the channel stays all the same.
    private mutating func standBy(_ channel: ChannelKey, _ preallocation: Preallocation) {
        timers.cancel(.channel(channel))
        switch preallocation {
        case .cold:
            stopIngest(channel)
            channels[channel]?.phase = .cold
        case .warm:
            startIngest(channel)
            channels[channel]?.phase = .warm
        }
    }

    private mutating func awaitViewer(_ channel: ChannelKey) {
        channels[channel]?.phase = .awaiting
        timers.set(.channel(channel), at: now + settings.idleTimeout)
    }

    /// The state on disk, what followers know and the server's report all change.
    private mutating func touch(_ channel: ChannelKey) {
        changes.isStateChanged = true
        changes.channels.insert(channel)
        if let server = channels[channel]?.server { changes.report(to: server) }
    }

    private mutating func refuse(_ channel: ChannelKey, _ refusal: AllocationRefusal) {
        channels[channel]?.phase = .refused(refusal)
        waiting[channel] = nil
        timers.cancel(.channel(channel))
        countRefusal(refusal, of: channel)
        if let server = channels[channel]?.server { changes.report(to: server) }
    }

    private mutating func countRefusal(_ refusal: AllocationRefusal, of channel: ChannelKey) {
        counters.allocationsRefused[refusal, default: 0] += 1
        changes.event(.refused(channel: channel, reason: refusal.rawValue))
    }

    /// The same channel is asked for again: with the next serial after a release, or with something changed.
    private mutating func renew(_ state: ChannelState, by indication: AllocationIndication) {
        let channel = indication.channel
        let isNext = state.serial != indication.serial
        let description = indication.description ?? state.description
        let isRedescribed = description != state.description
        channels[channel]?.serial = indication.serial
        channels[channel]?.preallocation = indication.preallocation
        channels[channel]?.description = description
        guard state.phase.isAllocated else {
            if isNext || isRedescribed {
                channels[channel]?.phase = .describing
                begin(channel)
            }
            return
        }
        if isRedescribed {
            redescribe(channel, from: state.description)
        } else if isNext || state.preallocation != indication.preallocation {
            touch(channel)
        }
        guard state.phase == .cold || state.phase == .warm, channels[channel]?.phase == state.phase else { return }
        if let preallocation = indication.preallocation {
            standBy(channel, preallocation)
        } else {
            awaitViewer(channel)
        }
    }

    /// The same renditions from elsewhere keep their groups; others need new ones.
    private mutating func redescribe(_ channel: ChannelKey, from earlier: MediaDescription?) {
        let wasIngesting = channels[channel]?.isIngesting == true
        if channels[channel]?.description?.renditions.map(\.name) == earlier?.renditions.map(\.name) {
            stopIngest(channel)
            if wasIngesting { startIngest(channel) }
            touch(channel)
        } else {
            release(channel, reason: "description-changed")
            allocateGroups(channel)
        }
    }

    // MARK: - Media descriptions

    mutating func describe(_ description: MediaDescription) {
        guard let state = channels[description.channel], state.phase == .describing else { return }
        channels[description.channel]?.description = description
        allocateGroups(description.channel)
    }

    mutating func refuseUndescribed(_ channel: ChannelKey) {
        guard channels[channel]?.phase == .describing else { return }
        refuse(channel, .noMediaDescription)
    }

    // MARK: - Viewers

    /// A channel-join indication came: its viewer is given time to send its report.
    mutating func expectViewer(of channel: ChannelKey) {
        switch channels[channel]?.phase {
        case .awaiting, .lingering: awaitViewer(channel)
        case .describing, .flowing, .cold, .warm, .refused, .released, nil: break
        }
    }

    mutating func take(_ trees: [TreeDemand]) {
        var owners: Set<ChannelKey> = []
        for entry in trees {
            guard let owner = treeOwners[entry.tree] else { continue }
            demand[entry.tree] = entry.outputPorts > 0 ? entry.outputPorts : nil
            owners.insert(owner)
        }
        for channel in owners.sorted() { weigh(channel) }
    }

    func outputPorts(of channel: ChannelKey) -> Int {
        allocator[channel]?.trees.reduce(0) { $0 + (demand[$1] ?? 0) } ?? 0
    }

    private mutating func weigh(_ channel: ChannelKey) {
        guard let state = channels[channel], state.phase.isAllocated else { return }
        if outputPorts(of: channel) > 0 {
            channels[channel]?.isDemandUnconfirmed = false
            guard state.phase != .flowing else { return }
            channels[channel]?.phase = .flowing
            timers.cancel(.channel(channel))
            startIngest(channel)
            changes.event(.firstViewer(channel: channel))
        } else if state.phase == .flowing, !state.isDemandUnconfirmed {
            changes.event(.lastViewer(channel: channel))
            channels[channel]?.phase = .lingering
            timers.set(.channel(channel), at: now + settings.linger)
        }
    }

    mutating func timeOut(_ channel: ChannelKey) {
        switch channels[channel]?.phase {
        case .describing: refuse(channel, .noMediaDescription)
        case .awaiting: rest(channel, reason: "idle")
        case .lingering: rest(channel, reason: "last-leave")
        case .flowing, .cold, .warm, .refused, .released, nil: break
        }
    }

    /// Nobody watches: what was allocated ahead stays so, the rest goes.
    private mutating func rest(_ channel: ChannelKey, reason: String) {
        if let preallocation = channels[channel]?.preallocation {
            standBy(channel, preallocation)
        } else {
            if reason == "idle" { counters.releasedIdle += 1 } else { counters.releasedLastLeave += 1 }
            release(channel, reason: reason)
        }
    }

    // MARK: - Ends

    mutating func withdraw(_ channel: ChannelKey) {
        if channels[channel]?.phase.isAllocated == true {
            counters.releasedWithdrawn += 1
            release(channel, reason: "withdrawn")
        }
        timers.cancel(.channel(channel))
        waiting[channel] = nil
        channels[channel] = nil
    }

    private mutating func release(_ channel: ChannelKey, reason: String) {
        stopIngest(channel)
        touch(channel)
        channels[channel]?.phase = .released
        timers.cancel(.channel(channel))
        guard let resource = allocator.release(channel, now: now) else { return }
        for tree in resource.trees {
            treeOwners[tree] = nil
            demand[tree] = nil
            changes.removedTrees.append(RouterFeedItem.localTreeKey(tree))
        }
        changes.event(.released(channel: channel, generation: resource.generation, reason: reason))
    }

    private mutating func startIngest(_ channel: ChannelKey) {
        guard let state = channels[channel], !state.isIngesting, let resource = allocator[channel],
            let description = state.description
        else { return }
        channels[channel]?.isIngesting = true
        let renditions = zip(description.renditions, resource.renditions).map {
            IngestOrder.Rendition(rendition: $0, resource: $1)
        }
        changes.started.append(
            IngestOrder(channel: channel, generation: resource.generation, renditions: renditions))
    }

    private mutating func stopIngest(_ channel: ChannelKey) {
        guard channels[channel]?.isIngesting == true, let resource = allocator[channel] else { return }
        channels[channel]?.isIngesting = false
        changes.stopped.append((channel, resource.generation))
    }

    // MARK: - The router

    mutating func connectRouter() {
        isRouterConnected = true
        changes.isRouterSnapshotDue = true
        timers.set(.routerSettling, at: now + settings.routerSettlingTime)
    }

    /// A router that restarts hears its neighbours' joins again only when they repeat them: until then a channel that was
    /// watched counts as watched.
    mutating func disconnectRouter() {
        isRouterConnected = false
        timers.cancel(.routerSettling)
        demand = [:]
        for channel in channels.keys.sorted() where channels[channel]?.phase == .flowing {
            channels[channel]?.isDemandUnconfirmed = true
        }
    }

    mutating func endSettling() {
        for channel in channels.keys.sorted() where channels[channel]?.isDemandUnconfirmed == true {
            channels[channel]?.isDemandUnconfirmed = false
            weigh(channel)
        }
    }
}
