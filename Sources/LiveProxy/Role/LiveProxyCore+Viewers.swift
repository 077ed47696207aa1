import Channels
import Clockwork
import ControlProtocol
import Wire

/// What a grant is to say, and where its bearer goes.
package struct OfferBasis: Hashable, Sendable {
    package var grant: ViewerGrant
    package var description: MediaDescription
    package var replicationPoint: String
}

// Unicast viewers: who holds a channel-join is sent to the replication point of its address.
extension LiveProxyCore {
    /// What a client at `address` that wants `channel` by unicast is given.
    package mutating func offer(
        _ channel: ChannelKey, to address: IPAddress, at time: UnixTime
    ) throws(Problem) -> OfferBasis {
        do throws(Problem) {
            let basis = try basis(channel, address, time)
            counters.offers += 1
            return basis
        } catch {
            counters.offersRefused[error.code, default: 0] += 1
            throw error
        }
    }

    private func basis(
        _ channel: ChannelKey, _ address: IPAddress, _ time: UnixTime
    ) throws(Problem) -> OfferBasis {
        guard let state = channels[channel], let resource = allocator[channel], let description = state.description,
            let join = join(of: channel, state, at: address, time)
        else { throw .noChannelJoin(channel, address) }
        guard let point = point(for: address) else { throw .noReplicationPoint(for: address) }
        guard let base = point.httpBase else { throw .noUnicastService(point.name) }
        let grant = ViewerGrant(
            subscriber: join.subscriber, channel: channel, generation: resource.generation, address: address,
            expires: min(join.expires, time + ViewerGrant.lifetime))
        return OfferBasis(
            grant: grant, description: description,
            replicationPoint: base.hasSuffix("/") ? String(base.dropLast()) : base)
    }

    /// Of several subscribers at one address the first by name.
    private func join(
        of channel: ChannelKey, _ state: ChannelState, at address: IPAddress, _ time: UnixTime
    ) -> ChannelJoinIndication? {
        (joins[ServedChannel(server: state.server, channel: channel)] ?? [:]).values.filter {
            $0.serial == state.serial && $0.expires > time && $0.binding.addresses.contains(address)
        }.min { $0.subscriber < $1.subscriber }
    }

    /// The replication point that serves `address`.
    package func point(for address: IPAddress) -> ReplicationPointRegistration? {
        registrations.longestMatch(for: address) { $0.prefixes }
    }
}

extension Problem {
    static func noChannelJoin(_ channel: ChannelKey, _ address: IPAddress) -> Problem {
        Problem(
            code: "no-channel-join", status: 403, title: "\(address) has not joined \(channel), or no longer.",
            detail: "Ask the OTT server for the channel; it sends you here when you may watch.")
    }

    static func noReplicationPoint(for address: IPAddress) -> Problem {
        Problem(
            code: "no-replication-point", status: 503, title: "No replication point serves \(address).",
            detail: "Try again in some seconds; the operator compares the prefixes in mrpctl show sessions.")
    }

    static func noUnicastService(_ point: String) -> Problem {
        Problem(
            code: "no-unicast-service", status: 503, title: "Replication point \(point) serves no unicast.",
            detail: "Join the multicast group instead; the operator sets replication-point.http-base there.")
    }
}
