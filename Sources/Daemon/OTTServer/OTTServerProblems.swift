import CatalogueStore
import ControlProtocol
import Credentials
import Wire

extension Problem {
    static func badToken(_ refusal: TokenRefusal) -> Problem {
        let advice =
            switch refusal {
            case .missing: "Send the header Authorization: Bearer TOKEN; mrpctl token issue makes one."
            case .expired: "Get a new token."
            case .notYetValid: "Wait, or correct the clock of whoever issues tokens."
            case .tooLong, .malformed, .badClaims: "Send the token as it was issued."
            case .wrongAlgorithm, .badSignature: "Get a token that is signed with the key this server knows."
            case .wrongIssuer, .wrongAudience: "Get a token that was issued for this server."
            case .lifetimeTooLong: "Get a token that expires sooner."
            }
        return Problem(
            code: "token-\(refusal.rawValue)", status: 401, title: "The token is refused: \(refusal.rawValue)",
            detail: advice)
    }

    static let stopping = Problem(
        code: "server-stopping", status: 503, title: "The server is being stopped",
        detail: "Ask again in a few seconds.")

    static func noUnicastAtProxy(_ channel: ChannelKey) -> Problem {
        Problem(
            code: "no-unicast-service", status: 503, title: "The live proxy of this network serves no unicast",
            detail: "Join \(channel) by multicast; the operator sets live-proxy.http-base there.")
    }

    static func tooManyChannels(limit: Int) -> Problem {
        Problem(
            code: "too-many-channels", status: 400, title: "More than \(limit) channels in one command",
            detail: "Give several commands.")
    }

    static func badName(_ text: String) -> Problem {
        Problem(
            code: "bad-name", status: 400, title: "\"\(text)\" is no name",
            detail: "Use 1 to 64 of a-z A-Z 0-9 . _ - and do not begin with a dot.")
    }

    init(_ error: StoreError) {
        let (code, status) =
            switch error {
            case .unknownSubscriber: ("unknown-subscriber", 404)
            case .unknownEntitlement: ("unknown-entitlement", 404)
            case .tooManySubscribers: ("too-many-subscribers", 507)
            case .tooManyEntitlements: ("too-many-entitlements", 507)
            case .diskFull: ("disk-full", 507)
            case .cannotOpen, .newerSchema, .readOnly, .locked, .corrupt, .failed: ("store-failed", 503)
            }
        self.init(
            code: code, status: status, title: error.description,
            detail: status == 404
                ? "mrpctl show subscribers lists what there is." : "The operator finds more in the log.")
    }
}
