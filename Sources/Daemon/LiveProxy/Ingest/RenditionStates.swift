import ControlProtocol
import LiveProxy

/// The RTP streams of all renditions, as they are kept on disk for the next life.
struct RenditionStates: Codable, Hashable, Sendable {
    static let schemaName = "mrp.rendition-states/1"

    struct Entry: Codable, Hashable, Sendable {
        var channel: ChannelKey
        var generation: UInt64
        var rendition: String
        var state: RenditionState
    }

    var schema = RenditionStates.schemaName
    /// Written when everything had stopped, so that nothing was sent after it.
    var isFinal: Bool
    /// In the order of channel, generation and rendition.
    var entries: [Entry]
}

/// One rendition of one allocation.
struct RenditionKey: Hashable, Sendable, Comparable {
    var channel: ChannelKey
    var generation: UInt64
    var rendition: String

    static func < (left: RenditionKey, right: RenditionKey) -> Bool {
        (left.channel, left.generation, left.rendition) < (right.channel, right.generation, right.rendition)
    }
}
