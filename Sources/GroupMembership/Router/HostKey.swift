import Wire

/// The order of host records in a group, by port and then host, as plain numbers.
///
/// A table holds hosts of one family on one interface, so the family and the interface need no place in it.
struct HostKey: Hashable, Comparable, Sendable {
    private let bridgePort: UInt32
    private let high: UInt64
    private let low: UInt64

    init(_ host: IPAddress, on port: OutputPort) {
        // Zero is no interface's number: it stands for the interface itself, which orders first.
        bridgePort = port.bridgePort?.rawValue ?? 0
        switch host {
        case .v4(let address):
            high = 0
            low = UInt64(address.rawValue)
        case .v6(let address):
            high = address.high
            low = address.low
        }
    }

    /// Not after any host on `port`.
    init(firstOn port: OutputPort) {
        self.init(.v4(.unspecified), on: port)
    }

    func isOn(_ port: OutputPort) -> Bool { bridgePort == port.bridgePort?.rawValue ?? 0 }

    static func < (left: HostKey, right: HostKey) -> Bool {
        if left.bridgePort != right.bridgePort { return left.bridgePort < right.bridgePort }
        return left.high == right.high ? left.low < right.low : left.high < right.high
    }
}
