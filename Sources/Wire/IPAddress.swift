/// An address of either family; every IPv4 address orders before every IPv6 address.
package enum IPAddress: Hashable, Sendable, Comparable, CustomStringConvertible {
    case v4(IPv4Address)
    case v6(IPv6Address)

    package init?(_ text: some StringProtocol) {
        if let address = IPv4Address(text) {
            self = .v4(address)
        } else if let address = IPv6Address(text) {
            self = .v6(address)
        } else {
            return nil
        }
    }

    package var isMulticast: Bool {
        switch self {
        case .v4(let address): address.isMulticast
        case .v6(let address): address.isMulticast
        }
    }

    package var isUnspecified: Bool {
        switch self {
        case .v4(let address): address.isUnspecified
        case .v6(let address): address.isUnspecified
        }
    }

    package var isSourceSpecificMulticast: Bool {
        switch self {
        case .v4(let address): address.isSourceSpecificMulticast
        case .v6(let address): address.isSourceSpecificMulticast
        }
    }

    package var v4: IPv4Address? {
        if case .v4(let address) = self { return address }
        return nil
    }

    package var v6: IPv6Address? {
        if case .v6(let address) = self { return address }
        return nil
    }

    // Equality, hash and order are written out: addresses are the keys of every table a report goes through, and what
    // the compiler makes of enumerations hashes piece by piece and compares through witness tables.

    package static func == (left: IPAddress, right: IPAddress) -> Bool {
        switch (left, right) {
        case (.v4(let mine), .v4(let theirs)): mine.rawValue == theirs.rawValue
        case (.v6(let mine), .v6(let theirs)): mine.high == theirs.high && mine.low == theirs.low
        case (.v4, .v6), (.v6, .v4): false
        }
    }

    package func hash(into hasher: inout Hasher) {
        switch self {
        case .v4(let address): hasher.combine(UInt64(address.rawValue))
        case .v6(let address):
            hasher.combine(address.high)
            hasher.combine(address.low)
        }
    }

    package static func < (left: IPAddress, right: IPAddress) -> Bool {
        switch (left, right) {
        case (.v4(let mine), .v4(let theirs)): mine < theirs
        case (.v6(let mine), .v6(let theirs)): mine < theirs
        case (.v4, .v6): true
        case (.v6, .v4): false
        }
    }

    package var description: String {
        switch self {
        case .v4(let address): address.description
        case .v6(let address): address.description
        }
    }
}
