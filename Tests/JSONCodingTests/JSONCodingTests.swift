import ControlProtocol
import JSONCoding
import Testing
import Wire

@Suite struct JSONCodingTests {
    @Test func `keys are kebab-case and come back`() throws {
        let key = try #require(ChannelKey(text: "acme/news"))
        let item = ServerFeedItem.allocation(
            AllocationIndication(channel: key, serial: 3, description: nil, preallocation: .warm))
        let text = try JSONText.encode(item)
        #expect(text == #"{"allocation":{"_0":{"channel":"acme/news","preallocation":"warm","serial":3}}}"#)
        #expect(try JSONText.decode(ServerFeedItem.self, from: text) == item)
    }

    @Test func `an error names the place`() {
        #expect {
            try JSONText.decode(ProxyRegistration.self, from: #"{"name":"p","prefixes":["x"],"address":"10.0.0.1"}"#)
        } throws: { error in
            "\(error)".contains("prefixes")
        }
    }
}
