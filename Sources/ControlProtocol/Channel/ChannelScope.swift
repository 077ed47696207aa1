import Wire

/// The channels an entitlement or a token speaks of: one, or all of a provider.
package enum ChannelScope: Hashable, Sendable, Comparable, TextCodable {
    case channel(ChannelKey)
    case provider(String)

    /// Reads `provider/channel` or `provider/*`.
    package init?(text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        if parts.count == 2, parts[1] == "*", ChannelKey.isName(parts[0]) {
            self = .provider(String(parts[0]))
        } else if let channel = ChannelKey(text: text) {
            self = .channel(channel)
        } else {
            return nil
        }
    }

    package func contains(_ channel: ChannelKey) -> Bool {
        switch self {
        case .channel(let mine): mine == channel
        case .provider(let provider): channel.provider == provider
        }
    }

    package static var kind: String { "a channel such as provider/channel, or all of a provider as provider/*" }

    package var description: String {
        switch self {
        case .channel(let channel): channel.description
        case .provider(let provider): "\(provider)/*"
        }
    }

    package static func < (left: ChannelScope, right: ChannelScope) -> Bool { left.description < right.description }
}
