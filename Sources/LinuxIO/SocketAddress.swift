import CSystemShims
import Wire

/// An address with a port; `scope` is the interface of an IPv6 link-local address.
package struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
    package var address: IPAddress
    package var port: UInt16
    package var scope: InterfaceIndex?

    package init(_ address: IPAddress, port: UInt16 = 0, scope: InterfaceIndex? = nil) {
        self.address = address
        self.port = port
        self.scope = scope
    }

    package var description: String {
        switch address {
        case .v4(let v4): "\(v4):\(port)"
        case .v6(let v6): "[\(v6)]:\(port)"
        }
    }
}

extension SocketAddress {
    /// Nil when the endpoint has no family, which is how the kernel says "no source".
    package init?(_ endpoint: mrp_endpoint) {
        guard let address = IPAddress(endpoint) else { return nil }
        self.init(
            address, port: endpoint.port, scope: endpoint.scope == 0 ? nil : InterfaceIndex(endpoint.scope))
    }

    package var endpoint: mrp_endpoint {
        var endpoint = address.endpoint
        endpoint.port = port
        endpoint.scope = scope?.rawValue ?? 0
        return endpoint
    }
}

extension IPAddress {
    package init?(_ endpoint: mrp_endpoint) {
        switch endpoint.family {
        case 4: self = .v4(IPv4Address(rawValue: UInt32(truncatingIfNeeded: endpoint.low)))
        case 6: self = .v6(IPv6Address(high: endpoint.high, low: endpoint.low))
        default: return nil
        }
    }

    package var endpoint: mrp_endpoint {
        var endpoint = mrp_endpoint()
        switch self {
        case .v4(let v4):
            endpoint.family = 4
            endpoint.low = UInt64(v4.rawValue)
        case .v6(let v6):
            endpoint.family = 6
            endpoint.high = v6.high
            endpoint.low = v6.low
        }
        return endpoint
    }
}
