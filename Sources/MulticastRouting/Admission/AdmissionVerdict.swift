/// Why a membership is admitted.
package enum AdmissionReason: String, Sendable, Hashable, CaseIterable {
    case authorized
    /// The interface is configured `open`.
    case openInterface = "open-interface"
    /// The host is a trusted downstream router.
    case trustedDownstream = "trusted-downstream"
    /// The replication point wants the tree itself.
    case ownInterest = "own-interest"
}

/// Why a membership is refused. From the vaguest to the closest miss: of several, the last one is told.
package enum RefusalReason: String, Sendable, Hashable, CaseIterable, Comparable {
    /// Nobody may join the tree here.
    case noAuthorization = "no-authorization"
    /// The host joined without naming a source, and no source of the group is known.
    case noSource = "no-source"
    /// Others may join the tree, but no subscriber is known by this host's address.
    case unknownSubscriberAddress = "unknown-subscriber-address"
    /// The subscriber may have another source of the group.
    case sourceNotAuthorized = "source-not-authorized"
    case wrongInterface = "wrong-interface"
    case wrongBridgePort = "wrong-bridge-port"
    case authorizationExpired = "authorization-expired"
    /// Unicast viewers are announced, and no interface is configured by which they could be served.
    case noDeliveryInterface = "no-delivery-interface"
    /// There are as many unicast viewers as there may be.
    case unicastMemberLimit = "unicast-member-limit"

    package static func < (left: RefusalReason, right: RefusalReason) -> Bool { left.rank < right.rank }

    var rank: Int {
        switch self {
        case .noAuthorization: 0
        case .noSource: 1
        case .unknownSubscriberAddress: 2
        case .sourceNotAuthorized: 3
        case .wrongInterface: 4
        case .wrongBridgePort: 5
        case .authorizationExpired: 6
        case .noDeliveryInterface: 7
        case .unicastMemberLimit: 8
        }
    }
}

/// What the router says to one host that asks for one tree.
package enum AdmissionVerdict: Hashable, Sendable {
    case admitted(AdmissionReason, subscriber: String?)
    case refused(RefusalReason)

    package var isAdmitted: Bool {
        if case .admitted = self { return true }
        return false
    }

    package var subscriber: String? {
        if case .admitted(_, let subscriber) = self { return subscriber }
        return nil
    }

    /// Kebab-case, for documents.
    package var reason: String {
        switch self {
        case .admitted(let reason, _): reason.rawValue
        case .refused(let reason): reason.rawValue
        }
    }
}
