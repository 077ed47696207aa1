import Clockwork
import RTP
import Wire

// What a request leads to.
extension RetransmissionResponder {
    /// Takes a datagram that came to the port for requests; `perform` is handed each packet that is to be sent again.
    package mutating func handle(
        _ datagram: RawSpan, from address: IPAddress, port: UInt16, now: Instant, perform: (Order) -> Outcome
    ) {
        do throws(RTCPError) {
            var compound = try RTCPCompound(decoding: datagram)
            while compound.hasNext {
                let packet = compound.next()
                if packet.isGenericNACK {
                    answer(try packet.genericNACK(), from: address, port: port, now: now, perform)
                }
            }
        } catch {
            counters.refuse(.malformed)
        }
    }

    private mutating func answer(
        _ nack: borrowing GenericNACK, from address: IPAddress, port: UInt16, now: Instant,
        _ perform: (Order) -> Outcome
    ) {
        guard let scope = streams[nack.media]?.scope else { return counters.refuse(.unknownStream) }
        let session = RetransmissionSession(scope: scope, token: nack.sender, address: address)
        guard let expires = sessions[session]?.expires else { return refuse(.noSession, nack.media) }
        guard expires > now else { return refuse(.expiredSession, nack.media) }
        guard let client = client(of: session, stream: nack.media, now: now) else {
            return refuse(.tooManyClients, nack.media)
        }
        // Taken out meanwhile, so that the dictionary is looked up once a request and not once a packet.
        guard var stream = streams.removeValue(forKey: nack.media) else { return }
        stream.counters.requests &+= 1
        var left = limits.packetsPerRequest
        let destination = Order.Destination.client(address, port: port)
        nack.forEachPair { pair in
            guard left >= pair.count else { return stream.counters.refuse(.tooManyPackets, pair.count) }
            left -= pair.count
            pair.forEachSequence { sequence in
                answer(sequence, client, &stream, destination, now, perform)
            }
        }
        streams[nack.media] = stream
    }

    private mutating func refuse(_ reason: RetransmissionRefusal, _ stream: UInt32) {
        streams[stream]?.counters.refuse(reason)
    }

    /// The place of the session's client, which may be new or come from another rendition.
    private mutating func client(of session: RetransmissionSession, stream: UInt32, now: Instant) -> Int? {
        guard let bitRate = streams[stream]?.bitRate else { return nil }
        if let slot = sessions[session]?.client, let held = clients[slot] {
            if held.stream == stream {
                clients.update(slot) { $0.lastHeard = now }
                return slot
            }
            // Another rendition of the channel: begin anew, so that its budget is that rendition's.
            forget(slot)
        }
        let fresh = RetransmissionClient(
            session: session, stream: stream, bucket: limits.clientBucket(bitRate: bitRate, now: now),
            sequence: .random(in: .min ... .max, using: &chance), lastHeard: now)
        guard let added = clients.add(fresh, now: now) else { return nil }
        if let replaced = added.replaced {
            sessions[replaced.session]?.client = nil
            streams[replaced.stream]?.clients -= 1
        }
        sessions[session]?.client = added.slot
        streams[stream]?.clients += 1
        return added.slot
    }

    private mutating func answer(
        _ sequence: UInt16, _ client: Int, _ stream: inout Stream, _ destination: Order.Destination, _ now: Instant,
        _ perform: (Order) -> Outcome
    ) {
        stream.counters.asked &+= 1
        let time = now.nanoseconds
        guard !clients.repeats(sequence, by: client, now: time, interval: repeatInterval) else {
            return stream.counters.refuse(.repeated)
        }
        if stream.hasGroup, stream.demand.wasSentToGroup(sequence, now: time, memory: repeatInterval) {
            stream.counters.coveredByGroup &+= 1
            return
        }
        // Whoever asks within ten times the shortest retry has lost the packet as the others have.
        let askers = stream.demand.note(
            sequence, by: client, activeClients: stream.clients, now: time, memory: 10 * repeatInterval)
        let isCommon = stream.hasGroup && askers >= limits.clientsForMulticast && 2 * askers > stream.clients
        if isCommon {
            sendToGroup(sequence, &stream, now, perform)
        } else {
            send(sequence, to: client, &stream, destination, now, perform)
        }
    }

    private mutating func sendToGroup(
        _ sequence: UInt16, _ stream: inout Stream, _ now: Instant, _ perform: (Order) -> Outcome
    ) {
        guard affords(&stream, now) else { return }
        let order = Order(stream: stream.ssrc, sequence: sequence, number: stream.number, destination: .group)
        guard let bytes = settle(perform(order), &stream) else { return }
        stream.number &+= 1
        stream.counters.sentToGroup &+= 1
        stream.demand.noteSentToGroup(sequence, now: now.nanoseconds)
        stream.bucket.spend(bytes)
        total.spend(bytes)
    }

    private mutating func send(
        _ sequence: UInt16, to client: Int, _ stream: inout Stream, _ destination: Order.Destination, _ now: Instant,
        _ perform: (Order) -> Outcome
    ) {
        var number: UInt16 = 0
        var isWithinShare = false
        clients.update(client) {
            isWithinShare = $0.bucket.has(RetransmissionPayload.datagramSize, now: now)
            number = $0.sequence
        }
        guard isWithinShare else { return stream.counters.refuse(.clientBudget) }
        guard affords(&stream, now) else { return }
        let order = Order(stream: stream.ssrc, sequence: sequence, number: number, destination: destination)
        guard let bytes = settle(perform(order), &stream) else { return }
        stream.counters.sent &+= 1
        stream.bucket.spend(bytes)
        total.spend(bytes)
        clients.update(client) {
            $0.bucket.spend(bytes)
            $0.sequence &+= 1
        }
    }

    private mutating func affords(_ stream: inout Stream, _ now: Instant) -> Bool {
        guard stream.bucket.has(RetransmissionPayload.datagramSize, now: now) else {
            stream.counters.refuse(.streamBudget)
            return false
        }
        guard total.has(RetransmissionPayload.datagramSize, now: now) else {
            stream.counters.refuse(.totalBudget)
            return false
        }
        return true
    }

    /// How many bytes were sent; nil when none were, which is counted.
    private func settle(_ outcome: Outcome, _ stream: inout Stream) -> Int? {
        switch outcome {
        case .sent(let bytes):
            stream.counters.bytes &+= UInt64(bytes)
            return bytes
        case .gone: stream.counters.refuse(.gone)
        case .notSent: stream.counters.refuse(.notSent)
        case .failed: stream.counters.refuse(.sendFailed)
        }
        return nil
    }
}
