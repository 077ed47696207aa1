import Clockwork
import ControlProtocol
import Wire

/// What an allocator needs to go on where it was after a restart.
package struct AllocatorState: Codable, Hashable, Sendable {
    /// Given to the next allocation; only ever grows.
    package var nextGeneration: UInt64
    package var resources: [MulticastResource]
    /// Freed groups that may not be given out yet.
    package var resting: [IPAddress]

    /// - Parameter nextGeneration: above every generation ever given out by this proxy. Where the state was lost, the
    ///   calendar's seconds times 2^20 are such a number.
    package init(nextGeneration: UInt64, resources: [MulticastResource] = [], resting: [IPAddress] = []) {
        self.nextGeneration = nextGeneration
        self.resources = resources
        self.resting = resting
    }
}

/// Gives channels their groups and ports. A group belongs to one channel at a time and rests before it gets another.
package struct ChannelAllocator: Sendable {
    /// No proxy lives to give out this many; a state file that says so must not make the counter overflow.
    private static let highestGeneration: UInt64 = 1 << 62

    package let source: IPAddress
    package let quarantine: Duration
    package let maximumChannels: Int
    private let pools: [GroupPool]
    private let ranges: [String: GroupRange]

    private var resources: [ChannelKey: MulticastResource] = [:]
    private var owners: [IPAddress: ChannelKey] = [:]
    /// In the order in which they come free, which is the order they were freed in.
    private var resting: [(group: IPAddress, until: Instant)] = []
    private var restingGroups: Set<IPAddress> = []
    /// Where the search in each pool goes on, so that a group is used again as late as possible.
    private var cursors: [String: UInt32] = [:]
    private var nextGeneration: UInt64

    /// - Parameters:
    ///   - pools: the first one serves channels that name none.
    ///   - source: S of every group.
    ///   - state: what `state` gave before a restart. Resources of another source, and all but the oldest of those that
    ///     share a group, are dropped.
    package init(
        pools: [GroupPool], source: IPAddress, quarantine: Duration, maximumChannels: Int, state: AllocatorState,
        now: Instant
    ) {
        self.pools = pools
        self.source = source
        self.quarantine = quarantine
        self.maximumChannels = maximumChannels
        ranges = Dictionary(pools.map { ($0.name, GroupRange($0.groups)) }, uniquingKeysWith: { first, _ in first })
        let highest = state.resources.map(\.generation).max() ?? 0
        nextGeneration = min(max(state.nextGeneration, highest &+ 1), Self.highestGeneration)
        for resource in state.resources.sorted(by: { $0.generation < $1.generation }) { adopt(resource) }
        for group in state.resting.sorted() where owners[group] == nil { rest(group, from: now) }
    }

    private mutating func adopt(_ resource: MulticastResource) {
        let groups = Set(resource.renditions.map(\.group))
        guard resources[resource.channel] == nil, resource.renditions.allSatisfy({ $0.source == source }),
            groups.allSatisfy({ owners[$0] == nil && $0.isMulticast })
        else { return }
        record(resource)
    }

    private mutating func record(_ resource: MulticastResource) {
        resources[resource.channel] = resource
        for rendition in resource.renditions { owners[rendition.group] = resource.channel }
    }

    private mutating func rest(_ group: IPAddress, from now: Instant) {
        guard restingGroups.insert(group).inserted else { return }
        resting.append((group, now + quarantine))
    }
}

extension ChannelAllocator {
    package subscript(channel: ChannelKey) -> MulticastResource? { resources[channel] }

    /// In the order of their channels.
    package var current: [MulticastResource] { resources.values.sorted { $0.channel < $1.channel } }

    /// To be kept on disk before anyone hears of a new resource.
    package var state: AllocatorState {
        AllocatorState(nextGeneration: nextGeneration, resources: current, resting: resting.map(\.group))
    }

    /// Groups in use and resting.
    package var unavailableGroups: Int { owners.count + resting.count }

    /// Gives `channel` groups and ports for `renditions`, or what it has already. `repair` goes with renditions that are
    /// protected.
    package mutating func allocate(
        _ channel: ChannelKey, renditions: [String], pool name: String? = nil,
        repair: [String: ForwardErrorCorrection] = [:], now: Instant
    ) throws(AllocationRefusal) -> MulticastResource {
        if let resource = resources[channel] { return resource }
        guard (1...MediaDescription.maximumRenditions).contains(renditions.count),
            Set(renditions).count == renditions.count
        else { throw .badMediaDescription }
        guard let pool = name == nil ? pools.first : pools.first(where: { $0.name == name }) else { throw .unknownPool }
        guard resources.count < maximumChannels else { throw .tooManyChannels }
        endRest(at: now)
        let groups = try freeGroups(pool.layout == .groupPerChannel ? 1 : renditions.count, in: pool)
        let resource = MulticastResource(
            channel: channel, generation: nextGeneration, layout: pool.layout, addressing: pool.addressing,
            renditions: renditions.enumerated().map { index, rendition in
                let isShared = pool.layout == .groupPerChannel
                return RenditionResource(
                    rendition: rendition, source: source, group: groups[isShared ? 0 : index],
                    port: pool.firstPort &+ (isShared ? UInt16(index) * RenditionResource.portStride : 0),
                    fec: repair[rendition])
            })
        nextGeneration += 1
        record(resource)
        return resource
    }

    /// Takes the channel's groups back; they rest before another channel gets them.
    @discardableResult
    package mutating func release(_ channel: ChannelKey, now: Instant) -> MulticastResource? {
        guard let resource = resources.removeValue(forKey: channel) else { return nil }
        for group in Set(resource.renditions.map(\.group)).sorted() {
            owners[group] = nil
            rest(group, from: now)
        }
        return resource
    }

    private mutating func endRest(at now: Instant) {
        let ended = resting.prefix { $0.until <= now }
        for entry in ended { restingGroups.remove(entry.group) }
        resting.removeFirst(ended.count)
    }

    private mutating func freeGroups(_ wanted: Int, in pool: GroupPool) throws(AllocationRefusal) -> [IPAddress] {
        guard let range = ranges[pool.name], range.count > 0 else { throw .poolExhausted }
        var found: [IPAddress] = []
        var number = cursors[pool.name] ?? 0
        for _ in 0..<range.count {
            if let group = range[number], owners[group] == nil, !restingGroups.contains(group) { found.append(group) }
            number = number + 1 < range.count ? number + 1 : 0
            if found.count == wanted {
                cursors[pool.name] = number
                return found
            }
        }
        throw .poolExhausted
    }
}
