import Authorization
import ControlProtocol

extension OTTServerCore {
    /// Takes back, shortens or rebinds what a subscriber holds after its record changed.
    mutating func reviewSubscriber(_ id: String, record: SubscriberRecord?) {
        var withdrawn: [AuthorizationKey] = []
        for key in (authorizations[id] ?? []).sorted() {
            guard var held = proxies[key.proxy]?.authorization(of: key.channel, subscriber: id) else { continue }
            let grant = AuthorizationGrant(binding: held.binding, expires: held.expires)
            switch settings.policy.review(grant, record: record, channel: key.channel, now: wallNow) {
            case .success(let reviewed):
                held.binding = reviewed.binding
                held.expires = reviewed.expires
                publish(to: key.proxy, upserts: [.channelJoin(held)])
            case .failure(let refusal):
                withdrawn.append(key)
                counters.authorizationsRevoked += 1
                actions.append(.event(.revoked(subscriber: id, channel: key.channel, reason: refusal)))
                refuseJoins({ .notEntitled($0.channel, because: refusal) }) {
                    $0.subscriber == id && $0.channel == key.channel
                }
            }
        }
        withdraw(withdrawn)
    }

    /// Follows a new catalogue: changed descriptions go to the proxies, channels that are gone are taken back.
    mutating func replaceCatalogue(_ descriptions: [MediaDescription]) {
        catalogue = [:]
        for description in descriptions.prefix(settings.maximumChannels) {
            catalogue[description.channel] = description
        }
        let known = catalogue
        refuseJoins({ .unknownChannel($0.channel) }) { known[$0.channel] == nil }
        for name in proxies.keys.sorted() {
            var upserts: [ServerFeedItem] = []
            var removals: [String] = []
            for item in proxies[name]?.feed.current ?? [] {
                switch item {
                case .allocation(var indication):
                    guard let description = catalogue[indication.channel] else {
                        removals.append(item.key)
                        continue
                    }
                    indication.description = description
                    upserts.append(.allocation(indication))
                case .channelJoin(let join): if catalogue[join.channel] == nil { removals.append(item.key) }
                }
            }
            publish(to: name, upserts: upserts, removals: removals)
        }
    }
}
