/// Writes a master playlist (RFC 8216 §4.3.4): its variants in the order given, of which players begin with the first.
package struct MasterPlaylistWriter: Hashable, Sendable {
    package struct Variant: Hashable, Sendable {
        package var uri: String
        /// Peak bits per second.
        package var bandwidth: Int
        /// Pixels; zero for audio alone.
        package var width: Int
        package var height: Int
        /// As RFC 6381 writes them.
        package var codecs: String?

        package init(uri: String, bandwidth: Int, width: Int, height: Int, codecs: String?) {
            self.uri = uri
            self.bandwidth = bandwidth
            self.width = width
            self.height = height
            self.codecs = codecs
        }
    }

    package static let contentType = "application/vnd.apple.mpegurl"

    package var variants: [Variant]

    package init(_ variants: [Variant]) {
        self.variants = variants
    }

    package var text: String {
        var lines = ["#EXTM3U", "#EXT-X-VERSION:3"]
        for variant in variants {
            var attributes = ["BANDWIDTH=\(variant.bandwidth)"]
            if variant.width > 0, variant.height > 0 {
                attributes.append("RESOLUTION=\(variant.width)x\(variant.height)")
            }
            // A quoted string can hold neither quotes nor line ends (§4.2), and nothing can escape them.
            if let codecs = variant.codecs, !codecs.isEmpty, !codecs.utf8.contains(where: { $0 < 0x20 || $0 == 0x22 }) {
                attributes.append("CODECS=\"\(codecs)\"")
            }
            lines.append("#EXT-X-STREAM-INF:" + attributes.joined(separator: ","))
            lines.append(variant.uri)
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
