import Wire

/// An address and a port to listen on: `0.0.0.0:8080`, `[::]:8080`.
package struct ListenEndpoint: Hashable, Sendable, TextCodable {
    package var address: IPAddress
    package var port: UInt16

    package init(address: IPAddress, port: UInt16) {
        self.address = address
        self.port = port
    }

    package init?(text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard IPv6Address(host) != nil else { return nil }
        } else if host.contains(":") {
            return nil
        }
        guard let address = IPAddress(host) else { return nil }
        self.init(address: address, port: port)
    }

    package static var kind: String { "an address and port such as 0.0.0.0:8080" }

    package var description: String {
        address.v6 == nil ? "\(address):\(port)" : "[\(address)]:\(port)"
    }

    /// Whether both cannot be listened on at once.
    func collides(with other: ListenEndpoint) -> Bool {
        port == other.port && (address == other.address || address.isUnspecified || other.address.isUnspecified)
    }
}

/// An interface's own address with the length of its network's prefix; host bits are kept.
package struct InterfaceAddress: Hashable, Sendable, TextCodable {
    package var address: IPAddress
    package var prefixLength: Int

    package init?(text: String) {
        guard let prefix = IPPrefix(text), let address = IPAddress(text.prefix { $0 != "/" }), !address.isMulticast,
            !address.isUnspecified
        else { return nil }
        self.address = address
        prefixLength = prefix.length
    }

    package static var kind: String { "an interface address such as 10.255.0.1/32" }
    package var description: String { "\(address)/\(prefixLength)" }
}
