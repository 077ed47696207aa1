import Channels
import Clockwork
import ControlProtocol
import Testing
import Wire

private let source = IPAddress.v4(IPv4Address(10, 255, 0, 1))

private func key(_ name: String) throws -> ChannelKey { try #require(ChannelKey(provider: "acme", channel: name)) }

private func pool(
    _ groups: String, layout: ResourceLayout = .groupPerRendition, addressing: AddressingMode = .sourceSpecific,
    name: String = "default"
) throws -> GroupPool {
    GroupPool(
        name: name, layout: layout, addressing: addressing, groups: try #require(IPPrefix(groups)), firstPort: 5_000)
}

private func allocator(
    _ pools: [GroupPool], quarantine: Duration = .seconds(60), maximumChannels: Int = 100,
    state: AllocatorState = AllocatorState(nextGeneration: 1), now: Instant = .zero
) -> ChannelAllocator {
    ChannelAllocator(
        pools: pools, source: source, quarantine: quarantine, maximumChannels: maximumChannels, state: state, now: now)
}

@Suite struct AllocatorTests {
    @Test func `each rendition has a group of its own and the same ports`() throws {
        var allocator = allocator([try pool("232.1.0.0/16")])
        let resource = try allocator.allocate(try key("news"), renditions: ["1080p", "720p", "360p"], now: .zero)
        #expect(resource.renditions.map(\.group.description) == ["232.1.0.0", "232.1.0.1", "232.1.0.2"])
        #expect(resource.renditions.map(\.port) == [5_000, 5_000, 5_000])
        #expect(resource.renditions.map(\.rendition) == ["1080p", "720p", "360p"])
        #expect(resource.renditions.allSatisfy { $0.source == source })
        #expect(resource.generation == 1)
    }

    @Test func `the renditions of a shared group are ten ports apart`() throws {
        var allocator = allocator([try pool("232.1.0.0/16", layout: .groupPerChannel)])
        let resource = try allocator.allocate(try key("news"), renditions: ["a", "b", "c"], now: .zero)
        #expect(resource.trees.count == 1)
        #expect(resource.renditions.map(\.port) == [5_000, 5_010, 5_020])
        #expect(resource.renditions.allSatisfy { $0.port.isMultiple(of: 2) })
    }

    @Test func `asking again gives the same resource`() throws {
        var allocator = allocator([try pool("232.1.0.0/16")])
        let first = try allocator.allocate(try key("news"), renditions: ["a"], now: .zero)
        #expect(try allocator.allocate(try key("news"), renditions: ["a"], now: .zero) == first)
        #expect(allocator.current == [first])
    }

    @Test(arguments: ["232.0.0.0/23", "232.128.0.0/23", "239.0.0.0/23", "224.0.0.0/23"])
    func `groups that switches flood are never given out`(groups: String) throws {
        var allocator = allocator([try pool(groups, addressing: .anySource)], maximumChannels: 1_000)
        for number in 0..<256 {
            let resource = try allocator.allocate(try key("c\(number)"), renditions: ["a"], now: .zero)
            let group = try #require(resource.renditions.first?.group.v4)
            #expect(group.rawValue & 0x7F_FFFF >= 256)
        }
        #expect(throws: AllocationRefusal.poolExhausted) {
            try allocator.allocate(try key("one-more"), renditions: ["a"], now: .zero)
        }
    }

    @Test func `a freed group rests before another channel gets it`() throws {
        var allocator = allocator([try pool("232.1.0.0/31", layout: .groupPerChannel)], quarantine: .seconds(60))
        let first = try allocator.allocate(try key("a"), renditions: ["x"], now: .zero)
        _ = try allocator.allocate(try key("b"), renditions: ["x"], now: .zero)
        allocator.release(try key("a"), now: .zero + .seconds(10))
        #expect(throws: AllocationRefusal.poolExhausted) {
            try allocator.allocate(try key("c"), renditions: ["x"], now: .zero + .milliseconds(69_999))
        }
        let third = try allocator.allocate(try key("c"), renditions: ["x"], now: .zero + .seconds(70))
        #expect(third.trees == first.trees)
        #expect(third.generation > first.generation)
    }

    @Test func `a group is used again as late as possible`() throws {
        var allocator = allocator([try pool("232.1.0.0/30", layout: .groupPerChannel)], quarantine: .zero)
        var groups: [String] = []
        for number in 0..<5 {
            let channel = try key("c\(number)")
            let resource = try allocator.allocate(channel, renditions: ["x"], now: .zero)
            groups.append("\(resource.renditions[0].group)")
            allocator.release(channel, now: .zero)
        }
        #expect(groups == ["232.1.0.0", "232.1.0.1", "232.1.0.2", "232.1.0.3", "232.1.0.0"])
    }

    @Test func `a refusal names its reason and takes nothing`() throws {
        var allocator = allocator([try pool("232.1.0.0/30")], maximumChannels: 2)
        _ = try allocator.allocate(try key("a"), renditions: ["x", "y", "z"], now: .zero)
        func refusal(_ channel: String, _ renditions: [String], pool: String? = nil) throws -> AllocationRefusal? {
            do {
                _ = try allocator.allocate(try key(channel), renditions: renditions, pool: pool, now: .zero)
                return nil
            } catch let refusal as AllocationRefusal {
                return refusal
            }
        }
        #expect(try refusal("b", ["x", "y"]) == .poolExhausted)
        #expect(try refusal("b", []) == .badMediaDescription)
        #expect(try refusal("b", ["x", "x"]) == .badMediaDescription)
        #expect(try refusal("b", (0..<17).map { "r\($0)" }) == .badMediaDescription)
        #expect(try refusal("b", ["x"], pool: "nowhere") == .unknownPool)
        #expect(allocator.unavailableGroups == 3)
        #expect(try refusal("b", ["x"]) == nil)
        #expect(try refusal("c", ["x"]) == .tooManyChannels)
    }

    @Test func `a channel takes the pool it is told to`() throws {
        let pools = [
            try pool("232.1.0.0/16"),
            try pool("239.5.0.0/16", layout: .groupPerChannel, addressing: .anySource, name: "legacy"),
        ]
        var allocator = allocator(pools)
        let resource = try allocator.allocate(try key("a"), renditions: ["x"], pool: "legacy", now: .zero)
        #expect(resource.addressing == .anySource)
        #expect(resource.renditions[0].group.description == "239.5.0.0")
    }

    @Test func `IPv6 groups are those that hosts may give out`() throws {
        var allocator = allocator([try pool("ff3e::/32", layout: .groupPerChannel)])
        let resource = try allocator.allocate(try key("a"), renditions: ["x"], now: .zero)
        #expect(resource.renditions[0].group.description == "ff3e::8000:0")
    }
}

@Suite struct AllocatorRestartTests {
    @Test func `resources, resting groups and the counter survive a restart`() throws {
        let pools = [try pool("232.1.0.0/30", layout: .groupPerChannel)]
        var before = allocator(pools)
        let kept = try before.allocate(try key("kept"), renditions: ["x"], now: .zero)
        let freed = try before.allocate(try key("freed"), renditions: ["x"], now: .zero)
        before.release(try key("freed"), now: .zero)

        var after = allocator(pools, state: before.state, now: .zero + .seconds(1_000))
        #expect(after.current == [kept])
        var taken: [SourceGroup] = []
        for name in ["a", "b"] {
            let resource = try after.allocate(try key(name), renditions: ["x"], now: .zero + .seconds(1_000))
            #expect(resource.generation > freed.generation)
            taken += resource.trees
        }
        #expect(!taken.contains(kept.trees[0]))
        #expect(!taken.contains(freed.trees[0]))
        #expect(throws: AllocationRefusal.poolExhausted) {
            try after.allocate(try key("c"), renditions: ["x"], now: .zero + .seconds(1_059))
        }
        _ = try after.allocate(try key("c"), renditions: ["x"], now: .zero + .seconds(1_060))
    }

    @Test func `a state that gives one group to two channels keeps the older`() throws {
        let pools = [try pool("232.1.0.0/24", layout: .groupPerChannel)]
        var first = allocator(pools)
        var second = allocator(pools, state: AllocatorState(nextGeneration: 9))
        let older = try first.allocate(try key("a"), renditions: ["x"], now: .zero)
        let newer = try second.allocate(try key("b"), renditions: ["x"], now: .zero)
        let merged = allocator(pools, state: AllocatorState(nextGeneration: 2, resources: [newer, older]))
        #expect(merged.current == [older])
        #expect(merged.state.nextGeneration == 10)
    }

    @Test func `resources of another source are dropped`() throws {
        let pools = [try pool("232.1.0.0/24")]
        var before = allocator(pools)
        _ = try before.allocate(try key("a"), renditions: ["x"], now: .zero)
        let moved = ChannelAllocator(
            pools: pools, source: .v4(IPv4Address(10, 255, 0, 2)), quarantine: .zero, maximumChannels: 10,
            state: before.state, now: .zero)
        #expect(moved.current == [])
    }

    @Test func `no group has two owners, whatever is allocated, released and restarted`() throws {
        var chance = SeededGenerator(seed: 7)
        let pools = [try pool("232.1.0.0/27")]
        var allocator = allocator(pools, quarantine: .seconds(5))
        var generations: Set<UInt64> = []
        var now = Instant.zero
        for _ in 0..<5_000 {
            now = now + .milliseconds(Int64.random(in: 0...900, using: &chance))
            let channel = try key("c\(Int.random(in: 0..<12, using: &chance))")
            switch Int.random(in: 0..<20, using: &chance) {
            case 0: allocator = self.restarted(allocator, pools: pools, now: now)
            case 1..<10: allocator.release(channel, now: now)
            default:
                let isNew = allocator[channel] == nil
                let renditions = ["a", "b", "c"].prefix(Int.random(in: 1...3, using: &chance))
                let given = try? allocator.allocate(channel, renditions: Array(renditions), now: now)
                if isNew, let given { #expect(generations.insert(given.generation).inserted) }
            }
            let groups = allocator.current.flatMap { $0.renditions.map(\.group) }
            #expect(Set(groups).count == groups.count)
        }
        #expect(generations.count > 500)
    }

    private func restarted(_ allocator: ChannelAllocator, pools: [GroupPool], now: Instant) -> ChannelAllocator {
        ChannelAllocator(
            pools: pools, source: allocator.source, quarantine: allocator.quarantine,
            maximumChannels: allocator.maximumChannels, state: allocator.state, now: now)
    }
}
