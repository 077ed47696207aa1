import ControlProtocol
import Testing
import Wire

@Suite struct FeedPublisherTests {
    private func mapping(_ last: UInt8, source: UInt8 = 1) -> RouterFeedItem {
        .sourceMapping(group: .v4(IPv4Address(232, 1, 0, last)), source: .v4(IPv4Address(10, 0, 0, source)))
    }

    @Test(arguments: [1, 2] as [UInt8])
    func `an item that is removed and put back in one change stays`(source: UInt8) throws {
        var publisher = FeedPublisher<RouterFeedItem>(epoch: "e")
        _ = publisher.update(upserts: [mapping(1)])
        let message = publisher.update(upserts: [mapping(1, source: source)], removals: [mapping(1).key])
        #expect((message == nil) == (source == 1))
        #expect(publisher.current == [mapping(1, source: source)])
    }
}
