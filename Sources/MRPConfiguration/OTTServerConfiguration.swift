import Clockwork
import ControlProtocol
import Wire

/// What the `ott-server` role reads of the file.
package struct OTTServerConfiguration: Hashable, Sendable {
    package static let defaultControlSocket = "/run/mrp/ott-server.sock"
    package static let maximumChannels = 10_000

    /// Where clients ask to join and, with `content`, fetch HLS files.
    package var clientAddress: ListenEndpoint
    /// Where proxies register and follow; mutual TLS.
    package var nodeAddress: ListenEndpoint
    package var controlSocket: String
    /// SQLite file of subscribers and entitlements.
    package var database: String
    /// Folder of HLS files that a packager writes.
    package var content: String?
    package var tokens: TokenConfiguration
    package var authorizationLifetime: Duration
    /// How long a join waits for its allocation and authorization.
    package var joinDeadline: Duration
    /// How long a proxy counts as registered without a sign of life.
    package var proxyExpiry: Duration
    package var channels: [ChannelConfiguration]
    package var tls: TLSConfiguration?
}

/// How clients' tokens are verified.
package struct TokenConfiguration: Hashable, Sendable {
    package enum Algorithm: String, Hashable, Sendable, CaseIterable {
        case es256 = "ES256"
        case edDSA = "EdDSA"
    }

    package var algorithm: Algorithm
    /// PEM file.
    package var publicKey: String
    package var issuer: String
    package var audience: String
}

/// A catalogue entry.
package struct ChannelConfiguration: Hashable, Sendable {
    package var description: MediaDescription
    /// Allocated ahead of any viewer (DESIGN flow 6).
    package var preallocate: Preallocation?
}

extension OTTServerConfiguration {
    init?(reading section: inout SectionReader) {
        tls = section.section("tls") { TLSConfiguration(reading: &$0) }
        clientAddress = section.value(
            "client-address", .written, default: ListenEndpoint(address: .v4(.unspecified), port: 8_080))
        nodeAddress = section.value(
            "node-address", .written, default: ListenEndpoint(address: .v4(.unspecified), port: 8_443))
        controlSocket = section.value("control-socket", .socketPath, default: Self.defaultControlSocket)
        database = section.value("database", .file, default: "/var/lib/mrp/ott-server.sqlite")
        content = section.optional("content", .file)
        let tokens = section.section("tokens") { TokenConfiguration(reading: &$0) }
        authorizationLifetime = section.value(
            "authorization-lifetime", .duration(.seconds(10)...(.seconds(86_400))), default: .seconds(600))
        joinDeadline = section.value(
            "join-deadline", .duration(.milliseconds(100)...(.seconds(60))), default: .seconds(5))
        proxyExpiry = section.value("proxy-expiry", .duration(.seconds(1)...(.seconds(3_600))), default: .seconds(15))
        channels = section.sectionList("channels", atMost: Self.maximumChannels) {
            ChannelConfiguration(reading: &$0)
        }
        reportDuplicates(of: channels.map(\.description.channel), in: "channels", of: section)
        if !section.has("tokens") {
            section.problem("\"\(section.path).tokens\" is missing: it names the public key that clients' tokens need")
        }
        guard let tokens else { return nil }
        self.tokens = tokens
    }
}

extension TokenConfiguration {
    init?(reading section: inout SectionReader) {
        algorithm = section.value("algorithm", .choice, default: .es256)
        let publicKey = section.required("public-key", .file)
        issuer = section.value("issuer", .text, default: "mrp")
        audience = section.value("audience", .text, default: "mrp")
        guard let publicKey else { return nil }
        self.publicKey = publicKey
    }
}

extension ChannelConfiguration {
    init?(reading section: inout SectionReader) {
        preallocate = section.value("preallocate", .preallocation, default: nil)
        guard let description = MediaDescription(reading: &section) else { return nil }
        self.description = description
    }
}

extension ValueKind where Value == Preallocation? {
    /// `cold` or `warm`; `true` is `cold`, `false` is neither.
    static var preallocation: ValueKind {
        ValueKind(expectation: "true, false, cold or warm") { text in
            switch text {
            case "true": .some(.cold)
            case "false": .some(nil)
            default: Preallocation(rawValue: text).map { .some($0) }
            }
        }
    }
}

extension MediaDescription {
    init?(reading section: inout SectionReader) {
        let channel: ChannelKey? = section.required("channel", .written)
        let title = section.optional("title", .text)
        let renditions = section.sectionList("renditions", atMost: Self.maximumRenditions) {
            Rendition(reading: &$0)
        }
        if !section.has("renditions") {
            section.problem("\"\(section.path).renditions\" is missing: name at least one rendition")
        }
        reportDuplicates(of: renditions.map(\.name), in: "renditions", of: section)
        guard let channel else { return nil }
        self.init(channel: channel, title: title ?? channel.channel, renditions: renditions)
    }
}

extension Rendition {
    init?(reading section: inout SectionReader) {
        let name = section.required("name", .nodeName)
        let width = section.value("width", .integer(0...16_384), default: 0)
        let height = section.value("height", .integer(0...16_384), default: 0)
        let bandwidth = section.required("bandwidth", .bitRate(1_000...1_000_000_000))
        let url = section.required("url", .url("http", "https"))
        let codecs = section.optional("codecs", .text)
        guard let name, let bandwidth, let url else { return nil }
        self.init(name: name, width: width, height: height, bandwidth: bandwidth, url: url, codecs: codecs)
    }
}

extension ValueKind where Value == String {
    /// What `ChannelKey.isName` takes.
    static var nodeName: ValueKind {
        ValueKind(expectation: "a name of 1 to 64 letters, digits, dots, underlines and hyphens") {
            ChannelKey.isName($0) ? $0 : nil
        }
    }
}

/// Reports every element that was there before.
func reportDuplicates<Element: Hashable>(of elements: [Element], in key: String, of section: SectionReader) {
    var seen: Set<Element> = []
    for element in elements where !seen.insert(element).inserted {
        section.problem("\(section.path).\(key) names \(element) twice", at: key)
    }
}
