import ConfigurationFile
import ControlProtocol
import MRPConfiguration
import Testing

private func problems(_ text: String) -> [String] {
    do {
        _ = try ConfigurationFile.parse(text, file: "f")
        return []
    } catch {
        return error.lines
    }
}

private func proxy(_ keys: String) -> String {
    """
    node: p1
    tls: {certificate: c, key: k, authority: a}
    live-proxy:
      ott-servers: https://10.0.0.1:8443
      node-address: 10.1.0.2:8444
      address: 10.1.0.2
      prefixes: 10.3.0.0/16
      source: {address: 10.255.0.1}
      \(keys)
    """
}

private func preallocation(_ value: String) throws -> Preallocation? {
    let text = """
        node: o1
        tls: {certificate: c, key: k, authority: a}
        ott-server:
          tokens: {public-key: k}
          channels:
            - {channel: acme/news, preallocate: \(value), renditions: [{name: r, bandwidth: 1Mbit/s, url: "http://o/r"}]}
        """
    return try #require(try ConfigurationFile.parse(text, file: "f").ottServer?.channels.first).preallocate
}

@Suite struct UnicastKeysTests {
    @Test func `a proxy's client listener and the URL that reaches it go together`() throws {
        #expect(problems(proxy("client-address: 0.0.0.0:8081")).count == 1)
        #expect(problems(proxy("http-base: http://10.1.0.2:8081")).first?.contains("go together") == true)
        #expect(problems(proxy("http-base: ftp://10.1.0.2\n  client-address: 0.0.0.0:8081")).isEmpty == false)
        let both = proxy("client-address: 0.0.0.0:8081\n  http-base: http://10.1.0.2:8081")
        let read = try #require(try ConfigurationFile.parse(both, file: "f").liveProxy)
        #expect(read.clientAddress?.port == 8_081)
        #expect(read.httpBase == "http://10.1.0.2:8081")
        #expect(try ConfigurationFile.parse(proxy("idle-timeout: 60s"), file: "f").liveProxy?.clientAddress == nil)
    }

    @Test func `two listeners on one port are told`() {
        let found = problems(proxy("client-address: 0.0.0.0:8444\n  http-base: http://10.1.0.2:8444"))
        #expect(found.count == 1)
        #expect(found.first?.contains("live-proxy.client-address 0.0.0.0:8444") == true, "\(found)")
    }

    @Test func `channels are allocated ahead cold or warm, and true is cold`() throws {
        #expect(try preallocation("true") == .cold)
        #expect(try preallocation("cold") == .cold)
        #expect(try preallocation("warm") == .warm)
        #expect(try preallocation("false") == nil)
        #expect(throws: ConfigurationProblems.self) { try preallocation("hot") }
    }
}
