import ArgumentParser
import Clockwork
import ControlProtocol
import JSONCoding
import LinuxIO
import OperatorConsole
import Wire

extension ChannelKey: ExpressibleByArgument {
    package init?(argument: String) { self.init(text: argument) }
}

extension ChannelScope: ExpressibleByArgument {
    package init?(argument: String) { self.init(text: argument) }
}

extension IPAddress: ExpressibleByArgument {
    package init?(argument: String) { self.init(argument) }
}

extension MACAddress: ExpressibleByArgument {
    package init?(argument: String) { self.init(argument) }
}

/// What the commands to roles share: send, print what comes back.
private func perform(
    _ command: RoleCommand, _ arguments: some Encodable, _ sockets: SocketOptions, _ output: OutputOptions,
    done: String
) throws {
    let reply = try RoleCommandCall(command, arguments: JSONText.encode(arguments)).perform(in: sockets.directory())
    StandardOutput.print(output.json ? reply : done)
}

struct ChannelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "channel", abstract: "Lists channels, or allocates multicast resources ahead of any viewer.",
        subcommands: [List.self, Allocate.self, Release.self])

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "The same as show channels.")
        @OptionGroup var sockets: SocketOptions
        @OptionGroup var output: OutputOptions

        func run() throws { try show(.channels, sockets, output) }
    }

    struct Allocate: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Allocates a multicast resource to channels before anyone asks for them.",
            discussion: "Idle channels cost the backbone nothing. Without --warm they are not even pulled.")

        @OptionGroup var channels: ChannelOptions
        @Flag(help: "Keep the channels pulled at the proxy, so that the first viewer need not wait.")
        var warm = false
        @OptionGroup var sockets: SocketOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            try perform(
                .channelAllocate, channels.arguments(warm ? .warm : .cold), sockets, output,
                done: "\(channels.names): allocation asked for; see: mrpctl show channels")
        }
    }

    struct Release: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Ends what allocate began; channels that are watched go on until their last viewer leaves.")

        @OptionGroup var channels: ChannelOptions
        @OptionGroup var sockets: SocketOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            try perform(
                .channelRelease, channels.arguments(), sockets, output,
                done: "\(channels.names): released as soon as nobody watches")
        }
    }
}

struct ChannelOptions: ParsableArguments {
    @Argument(help: "One or more channels as provider/channel.", completion: .custom(LiveNames.channels))
    var channels: [ChannelKey]
    @Option(help: "Only at this live proxy; without it, at every registered one.")
    var proxy: String?

    func validate() throws {
        guard channels.count <= ChannelArguments.maximumChannels else {
            throw ValidationError("at most \(ChannelArguments.maximumChannels) channels at once")
        }
    }

    var names: String { channels.map(\.description).joined(separator: ", ") }

    func arguments(_ preallocation: Preallocation? = nil) -> ChannelArguments {
        ChannelArguments(channels: channels, proxy: proxy, preallocation: preallocation)
    }
}

struct SubscriberCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "subscriber", abstract: "Adds, removes and lists subscribers.",
        subcommands: [Add.self, Remove.self, List.self])

    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Adds a subscriber, or replaces where its device is.")

        @Argument(help: "The subscriber's name: 1 to 64 of a-z A-Z 0-9 . _ -")
        var subscriber: String
        @Option(help: "An address of the device; may be repeated.")
        var address: [IPAddress] = []
        @Option(help: "The device's MAC address.")
        var mac: MACAddress?
        @Option(help: "Interface of the replication point.")
        var interface: String?
        @Option(help: "Port of that interface, where it is a bridge.")
        var bridgePort: String?
        @OptionGroup var sockets: SocketOptions
        @OptionGroup var output: OutputOptions

        func validate() throws {
            try requireName(subscriber)
            guard address.count <= SubscriberBinding.maximumAddresses else {
                throw ValidationError("at most \(SubscriberBinding.maximumAddresses) addresses")
            }
            guard bridgePort == nil || interface != nil else {
                throw ValidationError("--bridge-port needs --interface")
            }
        }

        func run() throws {
            let binding = SubscriberBinding(
                addresses: address, mac: mac, interface: interface, bridgePort: bridgePort)
            try perform(
                .subscriberAdd, SubscriberArguments(subscriber: subscriber, binding: binding), sockets, output,
                done: "\(subscriber): added")
        }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Removes a subscriber with all its entitlements; what it watches ends within a second.")

        @Argument(completion: .custom(LiveNames.subscribers))
        var subscriber: String
        @OptionGroup var sockets: SocketOptions
        @OptionGroup var output: OutputOptions

        func validate() throws { try requireName(subscriber) }

        func run() throws {
            try perform(
                .subscriberRemove, SubscriberArguments(subscriber: subscriber), sockets, output,
                done: "\(subscriber): removed")
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "The same as show subscribers.")
        @OptionGroup var sockets: SocketOptions
        @OptionGroup var output: OutputOptions

        func run() throws { try show(.subscribers, sockets, output) }
    }
}

struct EntitleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "entitle", abstract: "Lets a subscriber watch a channel, or all channels of a provider.")

    @OptionGroup var entitlement: EntitlementOptions
    @Option(help: "How long, such as 30d; without end where it is left out.")
    var lifetime: Lifetime?
    @OptionGroup var sockets: SocketOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        let until = lifetime.map { WallClock.now() + $0.duration }
        try perform(
            .entitle, entitlement.arguments(until: until), sockets, output,
            done: "\(entitlement.subscriber): may watch \(entitlement.channel)")
    }
}

struct RevokeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Ends what entitle allowed; the subscriber's stream ends within a second.")

    @OptionGroup var entitlement: EntitlementOptions
    @OptionGroup var sockets: SocketOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        try perform(
            .revoke, entitlement.arguments(), sockets, output,
            done: "\(entitlement.subscriber): may no longer watch \(entitlement.channel)")
    }
}

struct EntitlementOptions: ParsableArguments {
    @Argument(completion: .custom(LiveNames.subscribers))
    var subscriber: String
    @Argument(help: "provider/channel, or provider/*", completion: .custom(LiveNames.channels))
    var channel: ChannelScope

    func validate() throws { try requireName(subscriber) }

    func arguments(until: UnixTime? = nil) -> EntitlementArguments {
        EntitlementArguments(subscriber: subscriber, scope: channel, until: until)
    }
}

private func requireName(_ name: String) throws {
    guard ChannelKey.isName(name) else {
        throw ValidationError("\"\(name)\" is not a name: 1 to 64 of a-z A-Z 0-9 . _ -, not starting with a dot")
    }
}
