/// What a listener takes from one connection, and of how many.
package struct EdgeLimits: Hashable, Sendable {
    package var maximumConnections: Int
    /// Of one address, so that no client takes what is there for all; one more is answered 429.
    package var maximumConnectionsPerAddress: Int
    package var maximumHeaderBytes: Int
    package var maximumHeaderFields: Int
    package var maximumBodyBytes: Int
    /// How long a connection may stay silent, and a request take to come in.
    package var idleTimeout: Duration

    package init(
        maximumConnections: Int = 10_000, maximumConnectionsPerAddress: Int = 256, maximumHeaderBytes: Int = 16_384,
        maximumHeaderFields: Int = 64,
        maximumBodyBytes: Int = 65_536, idleTimeout: Duration = .seconds(30)
    ) {
        self.maximumConnections = maximumConnections
        self.maximumConnectionsPerAddress = maximumConnectionsPerAddress
        self.maximumHeaderBytes = maximumHeaderBytes
        self.maximumHeaderFields = maximumHeaderFields
        self.maximumBodyBytes = maximumBodyBytes
        self.idleTimeout = idleTimeout
    }

    /// For clients, of whom anyone may be one.
    package static let clients = EdgeLimits()
    /// For nodes, whose reports may be long.
    package static let nodes = EdgeLimits(maximumConnections: 2_048, maximumBodyBytes: 32 << 20)
}
