/// Why a channel was given no multicast resource; the raw value is the reason in reports, counters and messages.
package enum AllocationRefusal: String, Error, Hashable, Sendable, CaseIterable {
    /// Every group of the pool is in use or resting.
    case poolExhausted = "pool-exhausted"
    /// The configuration names a pool that does not exist.
    case unknownPool = "unknown-pool"
    case tooManyChannels = "too-many-channels"
    /// A media description needs 1 to `MediaDescription.maximumRenditions` renditions with different names.
    case badMediaDescription = "bad-media-description"
    /// Neither stored here nor given by the OTT server.
    case noMediaDescription = "no-media-description"
    /// Another OTT server has a channel of this name here.
    case ownedByAnotherServer = "owned-by-another-server"
}
