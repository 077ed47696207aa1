import ControlProtocol
import OperatorConsole
import Testing
import Wire

@Suite struct RouterPrinterTests {
    private let source = IPAddress.v4(IPv4Address(10, 1, 0, 10))
    private let group = IPAddress.v4(IPv4Address(232, 1, 1, 1))

    private func host(_ last: UInt8, verdict: String, reason: String, subscriber: String?) -> GroupHost {
        GroupHost(
            hostAddress: .v4(IPv4Address(10, 3, 0, last)), subscriber: subscriber, version: "igmpv3",
            filterMode: "include", sources: [source], upTime: 65, lastReport: 5, expire: 125, leaving: false,
            verdict: verdict, reason: reason)
    }

    private var document: GroupsDocument {
        let port = GroupPort(
            interface: "access1", bridgePort: nil, origin: "igmp", filterMode: "include", version: "igmpv3",
            upTime: 65, expire: 125, lastReporter: nil, forwarding: true,
            hosts: [
                host(7, verdict: "admitted", reason: "authorized", subscriber: "alice"),
                host(8, verdict: "refused", reason: "unknown-subscriber-address", subscriber: nil),
            ])
        return GroupsDocument(
            groups: [GroupEntry(source: source, group: group, ports: [port], packets: 1_000, bytes: 1_316_000)])
    }

    @Test func `groups are a line per host with the verdict on each`() {
        #expect(
            RouterPrinters.lines(document, on: .plain) == [
                "GROUP      SOURCE     PORT     MODE     VERSION     UP  EXPIRE  HOST      SUBSCRIBER  VERDICT                              MFC  PACKETS",
                "232.1.1.1  10.1.0.10  access1  include  igmpv3   1m05s   2m05s  10.3.0.7  alice       admitted                             yes     1000",
                "232.1.1.1  10.1.0.10  access1  include  igmpv3   1m05s   2m05s  10.3.0.8              refused: unknown-subscriber-address  yes     1000",
            ])
    }

    @Test func `a narrow terminal keeps group, source, port and verdict`() {
        let lines = RouterPrinters.lines(document, on: Terminal(width: 70, hasColour: false))
        #expect(lines.allSatisfy { $0.count <= 70 })
        #expect(lines.first?.split(separator: " ").map(String.init) == ["GROUP", "SOURCE", "PORT", "VERDICT"])
    }

    @Test func `counters that are zero are left out`() {
        let counters = CountersDocument(
            router: [NamedCount(name: "upcalls", count: 0)],
            interfaces: [
                InterfaceCounters(
                    name: "access1",
                    counters: [NamedCount(name: "bad-checksum", count: 2), NamedCount(name: "truncated", count: 0)])
            ])
        #expect(
            RouterPrinters.lines(counters, on: .plain) == [
                "WHERE    COUNTER       COUNT", "access1  bad-checksum      2",
            ])
    }
}
