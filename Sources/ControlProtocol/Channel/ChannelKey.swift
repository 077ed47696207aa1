import Wire

/// A live programme: one proxy serves several OTT servers, so its name holds for one provider only.
package struct ChannelKey: Hashable, Sendable, Comparable, TextCodable {
    package let provider: String
    package let channel: String

    /// Nil when a name is not one to 64 of `a-z A-Z 0-9 . _ -`, or starts with a dot.
    package init?(provider: String, channel: String) {
        guard Self.isName(provider), Self.isName(channel) else { return nil }
        self.provider = provider
        self.channel = channel
    }

    /// Reads `provider/channel`.
    package init?(text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        self.init(provider: String(parts[0]), channel: String(parts[1]))
    }

    /// Whether `text` may name a provider, a channel, a rendition, a subscriber or a node.
    package static func isName(_ text: some StringProtocol) -> Bool {
        (1...64).contains(text.utf8.count) && text.utf8.first != 0x2E
            && text.utf8.allSatisfy { byte in
                (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte) || (0x30...0x39).contains(byte)
                    || byte == 0x2E || byte == 0x5F || byte == 0x2D
            }
    }

    package static var kind: String { "a channel such as provider/channel" }
    package var description: String { "\(provider)/\(channel)" }

    package static func < (left: ChannelKey, right: ChannelKey) -> Bool {
        (left.provider, left.channel) < (right.provider, right.channel)
    }
}
