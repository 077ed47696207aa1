import Clockwork
import GroupMembership
import Testing
import Wire

@Suite struct LeaveTests {
    let group = IPv4Address(239, 1, 1, 1)
    let key = IPAddress.v4(IPv4Address(239, 1, 1, 1))

    @Test func `the leave of a version 3 host takes effect at once`() {
        var link = Link()
        let joined = link.receive(IGMPHostMessage.join(group, from: Link.host(1)))
        #expect(joined == [.changed(group: key, port: Link.port(1))])
        #expect(link.core.memberships(of: key).map(\.host) == [.v4(Link.host(1))])
        let left = link.receive(IGMPHostMessage.leave(group, from: Link.host(1)))
        #expect(left == [.changed(group: key, port: Link.port(1))])
        #expect(link.core.groups.isEmpty)
    }

    @Test func `the leave of a version 2 host takes effect when nobody answers the last-member queries`() {
        var link = Link()
        link.receive(IGMPHostMessage.v2Report(group, from: Link.host(1)))
        let left = link.receive(IGMPHostMessage.v2Leave(group, from: Link.host(1)))
        #expect(left.compactMap(\.query?.group) == [group])
        #expect(link.core.memberships(of: key).map(\.isLeaving) == [true])
        let happened = link.pass(.seconds(2))
        #expect(happened.compactMap(\.action.query?.group) == [group])
        #expect(happened.last?.action == .changed(group: key, port: Link.port(1)))
        #expect(link.core.groups.isEmpty)
    }
}
