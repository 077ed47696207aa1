/// One resolution and bit rate of a channel with its own URL.
package struct Rendition: Codable, Hashable, Sendable {
    /// Unique within the channel; a `ChannelKey.isName`.
    package var name: String
    /// Pixels; zero for audio alone.
    package var width: Int
    package var height: Int
    /// Bits a second, as HLS's BANDWIDTH means it.
    package var bandwidth: Int
    /// The rendition's media playlist.
    package var url: String
    /// As HLS's CODECS attribute (RFC 6381), where known.
    package var codecs: String?

    package init(name: String, width: Int, height: Int, bandwidth: Int, url: String, codecs: String? = nil) {
        self.name = name
        self.width = width
        self.height = height
        self.bandwidth = bandwidth
        self.url = url
        self.codecs = codecs
    }
}

/// What a channel consists of, best rendition first as the catalogue lists them.
package struct MediaDescription: Codable, Hashable, Sendable {
    package static let maximumRenditions = 16

    package var channel: ChannelKey
    package var title: String
    package var renditions: [Rendition]

    package init(channel: ChannelKey, title: String, renditions: [Rendition]) {
        self.channel = channel
        self.title = title
        self.renditions = renditions
    }
}
