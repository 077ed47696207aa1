import Clockwork
import RTP
import Repair
import Testing
import Wire

private let start = Instant(nanoseconds: 1_000_000_000)
private let viewer = IPAddress.v4(IPv4Address(10, 1, 0, 7))
private let media: UInt32 = 0xCAFE_0002

/// A responder and everything it has had sent.
private final class Desk {
    var responder: RetransmissionResponder
    var orders: [RetransmissionResponder.Order] = []

    init(bitRate: Int = 5_000_000, hasGroup: Bool = false, _ change: (inout RetransmissionLimits) -> Void = { _ in }) {
        var limits = RetransmissionLimits()
        change(&limits)
        responder = RetransmissionResponder(limits: limits, seed: 1, now: start)
        _ = responder.add(stream: media, scope: 9, bitRate: bitRate, hasGroup: hasGroup, now: start)
        admit(1)
    }

    static func session(_ token: UInt32, at address: IPAddress = viewer) -> RetransmissionSession {
        RetransmissionSession(scope: 9, token: token, address: address)
    }

    func admit(_ token: UInt32, at address: IPAddress = viewer) {
        responder.admit(Self.session(token, at: address), until: start + .seconds(600))
    }

    /// Answers how many packets were sent.
    @discardableResult
    func ask(
        _ pairs: [NACKPair], token: UInt32 = 1, of stream: UInt32 = media, from address: IPAddress = viewer,
        at now: Instant = start, outcome: RetransmissionResponder.Outcome = .sent(bytes: 1330)
    ) -> Int {
        var writer = RTCPWriter()
        writer.writeReceiverReport(of: token, [])
        writer.writeSourceDescription(of: token, canonicalName: "viewer")
        writer.writeGenericNACK(from: token, of: stream, pairs)
        return take(writer.bytes, from: address, at: now, outcome: outcome)
    }

    func take(
        _ bytes: [UInt8], from address: IPAddress = viewer, at now: Instant = start,
        outcome: RetransmissionResponder.Outcome = .sent(bytes: 1330)
    ) -> Int {
        var new: [RetransmissionResponder.Order] = []
        responder.handle(bytes.span.bytes, from: address, port: 4000, now: now) { order in
            new.append(order)
            return outcome
        }
        orders += new
        return new.count
    }

    var counters: RetransmissionCounters { responder.counters(of: media) ?? RetransmissionCounters() }
}

@Suite struct RetransmissionResponderTests {
    @Test func `a session's request is answered to where it came from, in numbers of its own`() {
        let desk = Desk()
        #expect(desk.ask([NACKPair(first: 65_535, following: 0b101)]) == 3)
        #expect(desk.orders.map(\.sequence) == [65_535, 0, 2])
        #expect(desk.orders.allSatisfy { $0.destination == .client(viewer, port: 4000) && $0.stream == media })
        #expect(desk.orders[1].number == desk.orders[0].number &+ 1)
        #expect(desk.counters.sent == 3 && desk.counters.asked == 3 && desk.counters.requests == 1)
        #expect(desk.counters.bytes == 3990 && desk.counters.refused == 0)
    }

    struct Refused: CustomTestStringConvertible {
        let testDescription: String
        let reason: RetransmissionRefusal
        var token: UInt32 = 1
        var address = viewer
        var now = start
        var outcome = RetransmissionResponder.Outcome.sent(bytes: 1330)
        /// Whether the packet was looked for all the same.
        var isPerformed = false
    }

    @Test(arguments: [
        Refused(testDescription: "another token", reason: .noSession, token: 2),
        Refused(testDescription: "another address", reason: .noSession, address: .v4(IPv4Address(10, 1, 0, 8))),
        Refused(testDescription: "after the end", reason: .expiredSession, now: start + .seconds(600)),
        Refused(testDescription: "too old", reason: .gone, outcome: .gone, isPerformed: true),
        Refused(testDescription: "not sent yet", reason: .notSent, outcome: .notSent, isPerformed: true),
        Refused(testDescription: "full buffer", reason: .sendFailed, outcome: .failed, isPerformed: true),
    ])
    func `what may not or cannot be answered is refused by name`(_ row: Refused) {
        let desk = Desk()
        let count = desk.ask(
            [NACKPair(first: 1)], token: row.token, from: row.address, at: row.now, outcome: row.outcome)
        #expect(count == (row.isPerformed ? 1 : 0))
        #expect(desk.counters.refused(row.reason) == 1 && desk.counters.refused == 1 && desk.counters.sent == 0)
    }

    @Test func `streams of another scope, unknown ones and no RTCP are refused`() {
        let desk = Desk()
        _ = desk.responder.add(stream: 8, scope: 10, bitRate: 1_000_000, hasGroup: false, now: start)
        #expect(desk.ask([NACKPair(first: 1)], of: 8) == 0)
        #expect(desk.responder.counters(of: 8)?.refused(.noSession) == 1)
        #expect(desk.ask([NACKPair(first: 1)], of: 99) == 0)
        #expect(desk.responder.counters.refused(.unknownStream) == 1)
        #expect(desk.take([1, 2, 3]) == 0)
        #expect(desk.responder.counters.refused(.malformed) == 1)
    }

    @Test func `a session that was dismissed gets nothing, and one that is prolonged goes on`() {
        let desk = Desk()
        #expect(desk.ask([NACKPair(first: 1)]) == 1)
        desk.responder.admit(Desk.session(1), until: start + .seconds(900))
        #expect(desk.ask([NACKPair(first: 2)], at: start + .seconds(700)) == 1)
        desk.responder.dismiss(Desk.session(1))
        #expect(desk.ask([NACKPair(first: 3)]) == 0 && desk.responder.clientCount == 0)
    }

    @Test func `a packet is not sent twice within a round trip`() {
        let desk = Desk()
        #expect(desk.ask([NACKPair(first: 5)]) == 1)
        #expect(desk.ask([NACKPair(first: 5)], at: start + .milliseconds(19)) == 0)
        #expect(desk.ask([NACKPair(first: 5)], at: start + .milliseconds(20)) == 1)
        #expect(desk.counters.refused(.repeated) == 1)
    }

    @Test func `a client gets its share and no more`() {
        let desk = Desk(bitRate: 8_000_000)
        desk.admit(2)
        // A quarter of a megabyte a second, and as much at once.
        let pairs = (0..<40).map { NACKPair(first: UInt16($0 * 17), following: .max) }
        var sent = 0
        for round in 0..<200 {
            let moved = pairs.map { NACKPair(first: $0.first &+ UInt16(round * 680 % 65_536), following: .max) }
            sent += desk.ask(moved, at: start + .milliseconds(round * 50))
        }
        let allowed = 250_000 * 11 / 1330
        #expect(sent <= allowed && sent > allowed * 9 / 10, "\(sent) of \(allowed)")
        #expect(desk.counters.refused(.clientBudget) > 1000 && desk.counters.refused(.tooManyPackets) > 0)
        #expect(desk.ask([NACKPair(first: 7)], token: 2, at: start + .seconds(10)) == 1, "another one paid for it")
    }

    @Test func `all clients of a rendition get its share, and all of all the total`() {
        let desk = Desk(bitRate: 8_000_000) {
            $0.streamShare = 50
            $0.totalBitRate = 6_000_000
        }
        _ = desk.responder.add(stream: 4, scope: 11, bitRate: 80_000_000, hasGroup: false, now: start)
        for client in 2...40 as ClosedRange<UInt32> {
            desk.admit(client)
            desk.responder.admit(
                RetransmissionSession(scope: 11, token: client, address: viewer), until: start + .seconds(60))
        }
        let pairs = (0..<4).map { NACKPair(first: UInt16($0 * 17), following: .max) }
        let first = (2...40).reduce(0) { $0 + desk.ask(pairs, token: $1) }
        #expect(first == 500_000 / 1330 && desk.counters.refused(.streamBudget) > 0)
        let second = (2...40).reduce(0) { $0 + desk.ask(pairs, token: $1, of: 4) }
        #expect(first + second == 750_000 / 1330)
        #expect(desk.responder.counters(of: 4)?.refused(.totalBudget) ?? 0 > 0)
    }

    @Test func `tables are full at their limits`() {
        let desk = Desk {
            ($0.sessions, $0.clients, $0.streams) = (3, 2, 1)
            $0.clientTimeout = .seconds(10)
        }
        let isAdded = desk.responder.add(stream: 4, scope: 9, bitRate: 1, hasGroup: false, now: start)
        #expect(!isAdded)
        for token in 2...4 as ClosedRange<UInt32> { desk.admit(token) }
        #expect(desk.responder.sessionCount == 3 && desk.responder.counters.refused(.tooManyClients) == 1)
        #expect(desk.ask([NACKPair(first: 1)], token: 1) == 1)
        #expect(desk.ask([NACKPair(first: 1)], token: 2) == 1)
        #expect(desk.ask([NACKPair(first: 1)], token: 3, at: start + .seconds(5)) == 0)
        #expect(desk.counters.refused(.tooManyClients) == 1)
        // The first two have fallen silent.
        #expect(desk.ask([NACKPair(first: 1)], token: 3, at: start + .seconds(11)) == 1)
        desk.responder.sweep(now: start + .seconds(12))
        #expect(desk.responder.clientCount == 1)
    }

    @Test func `a packet that most have lost goes to the group once`() {
        let desk = Desk(hasGroup: true) { $0.clientsForMulticast = 5 }
        for client in 2...40 as ClosedRange<UInt32> { desk.admit(client) }
        for client in 1...20 as ClosedRange<UInt32> { desk.ask([NACKPair(first: 700)], token: client) }
        let toGroup = desk.orders.filter { $0.destination == .group }
        #expect(toGroup.count == 1 && desk.counters.sentToGroup == 1)
        #expect(desk.counters.sent == 4 && desk.counters.coveredByGroup == 15)
        // Losses of one line each stay between it and us.
        for client in 1...20 as ClosedRange<UInt32> {
            desk.ask([NACKPair(first: 800 + UInt16(client))], token: client, at: start + .milliseconds(100))
        }
        #expect(desk.counters.sentToGroup == 1 && desk.counters.sent == 24)
        // One client that asks again and again is one client.
        for attempt in 1...20 { desk.ask([NACKPair(first: 900)], at: start + .milliseconds(100 + attempt * 25)) }
        #expect(desk.counters.sentToGroup == 1)
    }

    @Test func `a client that changes its rendition is counted there alone`() {
        let desk = Desk()
        _ = desk.responder.add(stream: 6, scope: 9, bitRate: 1_000_000, hasGroup: false, now: start)
        #expect(desk.ask([NACKPair(first: 1)]) == 1)
        #expect(desk.ask([NACKPair(first: 1)], of: 6) == 1)
        #expect(desk.responder.clientCount == 1)
        desk.responder.remove(stream: 6)
        #expect(desk.responder.clientCount == 0)
        #expect(desk.ask([NACKPair(first: 2)]) == 1)
    }

    @Test func `no mutation of a request traps, and none is answered to anybody else`() {
        var chance = SeededGenerator(seed: 12)
        let desk = Desk()
        var writer = RTCPWriter()
        writer.writeReceiverReport(of: 1, [])
        writer.writeGenericNACK(from: 1, of: media, [NACKPair(first: 3), NACKPair(first: 90, following: 77)])
        for _ in 0..<20_000 {
            var bytes = writer.bytes
            for _ in 0..<Int.random(in: 1...3, using: &chance) {
                bytes[Int.random(in: bytes.indices, using: &chance)] = .random(in: .min ... .max, using: &chance)
            }
            bytes.removeLast(Int.random(in: 0...4, using: &chance))
            _ = desk.take(bytes)
        }
        #expect(desk.orders.allSatisfy { $0.destination == .client(viewer, port: 4000) })
    }
}
