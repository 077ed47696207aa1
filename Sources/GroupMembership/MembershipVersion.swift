/// The version of the membership protocol a message or a host speaks; MLDv1 counts as v2 and MLDv2 as v3.
package enum MembershipVersion: UInt8, Comparable, Sendable {
    case v1 = 1
    case v2
    case v3

    package static func < (left: MembershipVersion, right: MembershipVersion) -> Bool { left.rawValue < right.rawValue }
}

/// Whether a source list names what is wanted or what is not (RFC 3376 §3.1).
package enum FilterMode: Sendable {
    case include
    case exclude
}
