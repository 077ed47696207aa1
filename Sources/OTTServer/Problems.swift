import Authorization
import ControlProtocol
import Wire

extension Problem {
    package static func unknownChannel(_ channel: ChannelKey) -> Problem {
        Problem(
            code: "unknown-channel", status: 404, title: "There is no channel \(channel)",
            detail: "Ask /v1/channels for the channels there are.")
    }

    static func notEntitled(_ channel: ChannelKey, because refusal: AuthorizationRefusal) -> Problem {
        let advice =
            switch refusal {
            case .unknownSubscriber: "The operator adds the subscriber with mrpctl subscriber add."
            case .tokenExpired: "Get a new token."
            case .channelNotInToken: "Get a token that names the channel."
            case .addressNotInToken: "Ask from an address the token names, or get a new token."
            case .notEntitled: "The operator entitles the subscriber with mrpctl subscriber entitle."
            case .entitlementEnded: "The operator extends the entitlement with mrpctl subscriber entitle."
            case .addressNotBound: "Ask from an address bound to the subscriber, or have this one bound to it."
            }
        return Problem(
            code: "not-entitled", status: 403, title: "Joining \(channel) is refused: \(refusal.rawValue)",
            detail: advice)
    }

    /// Given to entitled clients alone: the entitlement is looked at first.
    package static let noProxyCode = "no-proxy-for-address"

    static func noProxy(for address: IPAddress) -> Problem {
        Problem(
            code: noProxyCode, status: 404, title: "No live proxy serves \(address)",
            detail:
                "Ask from inside the network of a live proxy; the operator sees their prefixes with mrpctl show sessions."
        )
    }

    static func wrongProxy(_ name: String, for address: IPAddress) -> Problem {
        Problem(
            code: "wrong-proxy", status: 403, title: "Live proxy \(name) does not serve \(address)",
            detail: "The operator compares the prefixes of the proxies with mrpctl show sessions.")
    }

    static func proxyUnavailable(_ name: String) -> Problem {
        Problem(
            code: "proxy-unavailable", status: 503, title: "Live proxy \(name) is not connected",
            detail: "Try again in a few seconds; the operator checks that the proxy runs and reaches the server.")
    }

    static func noReplicationPoint(for address: IPAddress, proxy: String) -> Problem {
        Problem(
            code: "no-replication-point", status: 503,
            title: "No replication point of live proxy \(proxy) serves \(address)",
            detail: "The operator checks that the replication point runs, and its prefixes with mrpctl show sessions.")
    }

    static func allocationRefused(_ channel: ChannelKey, reason: String) -> Problem {
        Problem(
            code: "allocation-refused", status: 503, title: "The live proxy cannot carry \(channel): \(reason)",
            detail: "Try again later; the operator finds the reason with mrpctl show channels at the proxy.")
    }

    static func allocationTimeout(_ channel: ChannelKey, proxy: String) -> Problem {
        Problem(
            code: "allocation-timeout", status: 504, title: "Live proxy \(proxy) did not allocate \(channel) in time",
            detail: "Try again; the operator checks the proxy's log and its origin.")
    }

    static func authorizationTimeout(_ point: String) -> Problem {
        Problem(
            code: "authorization-timeout", status: 504,
            title: "Replication point \(point) did not apply the authorization in time",
            detail: "Try again; the operator checks that its router runs with mrpctl show status.")
    }

    static func tooMany(_ what: String, limit: Int) -> Problem {
        Problem(
            code: "too-many-\(what)", status: 503, title: "The limit of \(limit) \(what) is reached",
            detail: "Try again later.")
    }

    static func badRegistration(_ reason: String) -> Problem {
        Problem(
            code: "bad-registration", status: 400, title: "The registration is refused: \(reason)",
            detail: "Correct the live-proxy section of the proxy's configuration.")
    }

    static func badReport(_ reason: String) -> Problem {
        Problem(
            code: "bad-report", status: 400, title: "The report is refused: \(reason)",
            detail: "Bring proxy and server to versions that understand each other.")
    }

    package static func unknownProxy(_ name: String) -> Problem {
        Problem(
            code: "unknown-proxy", status: 404, title: "Live proxy \(name) is not registered",
            detail: "Register with PUT /v1/proxies/\(name) first.")
    }
}
