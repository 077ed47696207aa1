import Wire

/// A live proxy's registration with an OTT server: which clients it serves and where it is.
package struct ProxyRegistration: Codable, Hashable, Sendable {
    package static let maximumPrefixes = 256

    package var name: String
    package var prefixes: [IPPrefix]
    package var address: IPAddress
    /// Where unicast viewers are redirected to, e.g. `http://10.0.2.2:8081`; absent where it serves none.
    package var httpBase: String?

    package init(name: String, prefixes: [IPPrefix], address: IPAddress, httpBase: String? = nil) {
        self.name = name
        self.prefixes = prefixes
        self.address = address
        self.httpBase = httpBase
    }
}

/// What became of an allocation indication.
package enum AllocationOutcome: Codable, Hashable, Sendable {
    case allocated(resource: MulticastResource)
    /// `reason` is one of `AllocationRefusal`'s names.
    case refused(reason: String)
    /// Had been allocated; nobody is left, and the groups rest.
    case released
}

/// A replication point as its proxy knows it.
package struct ReplicationPointStatus: Codable, Hashable, Sendable {
    package var name: String
    package var prefixes: [IPPrefix]
    /// Where unicast viewers fetch, e.g. `http://10.3.0.1:8080`.
    package var httpBase: String?
    /// The server's revision up to which this point has applied what concerns it.
    package var applied: UInt64

    package init(name: String, prefixes: [IPPrefix], httpBase: String?, applied: UInt64) {
        self.name = name
        self.prefixes = prefixes
        self.httpBase = httpBase
        self.applied = applied
    }
}

/// A proxy's whole standing towards one server, sent whole whenever any of it changes, so that none of it can be missed.
package struct ProxyReport: Codable, Hashable, Sendable {
    package struct Allocation: Codable, Hashable, Sendable {
        package var channel: ChannelKey
        package var serial: UInt64
        package var outcome: AllocationOutcome

        package init(channel: ChannelKey, serial: UInt64, outcome: AllocationOutcome) {
            self.channel = channel
            self.serial = serial
            self.outcome = outcome
        }
    }

    /// The server feed's position the proxy itself has applied.
    package var position: FeedPosition
    package var allocations: [Allocation]
    package var replicationPoints: [ReplicationPointStatus]

    package init(position: FeedPosition, allocations: [Allocation], replicationPoints: [ReplicationPointStatus]) {
        self.position = position
        self.allocations = allocations
        self.replicationPoints = replicationPoints
    }
}
