import Wire

/// Where a subscriber's device is known to be. A report matches when its sender's address (or, by the neighbour table,
/// its MAC) is named here and the interface and bridge port, where given, are the ones it came in by.
package struct SubscriberBinding: Codable, Hashable, Sendable {
    package static let maximumAddresses = 16

    package var addresses: [IPAddress]
    package var mac: MACAddress?
    /// Interface name on the replication point.
    package var interface: String?
    package var bridgePort: String?

    package init(
        addresses: [IPAddress], mac: MACAddress? = nil, interface: String? = nil, bridgePort: String? = nil
    ) {
        self.addresses = addresses
        self.mac = mac
        self.interface = interface
        self.bridgePort = bridgePort
    }
}
