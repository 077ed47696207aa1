import Wire

/// An M3U list of channels as players for people take it: one entry a channel.
package struct ChannelList: Hashable, Sendable {
    package enum Form: String, Codable, Hashable, Sendable, CaseIterable {
        /// `rtp://source@group:port` of the best rendition; channels that have no group now are left out.
        case multicast
        /// The master playlist by HTTP.
        case unicast
    }

    package struct Entry: Hashable, Sendable {
        package var description: MediaDescription
        package var resource: MulticastResource?

        package init(description: MediaDescription, resource: MulticastResource?) {
            self.description = description
            self.resource = resource
        }
    }

    package var entries: [Entry]

    package init(_ entries: [Entry]) {
        self.entries = entries
    }

    /// - Parameters:
    ///   - base: what the unicast form's paths follow; empty for paths alone.
    ///   - query: what each unicast URL ends with, such as `?token=…`.
    package func text(_ form: Form, base: String = "", query: String = "") -> String {
        var lines = ["#EXTM3U"]
        for entry in entries {
            let channel = entry.description.channel
            guard let url = url(of: entry, form, base: base, query: query) else { continue }
            let title = entry.description.title.filter { !$0.isNewline && $0 != "\"" }
            lines.append("#EXTINF:-1 tvg-id=\"\(channel)\" group-title=\"\(channel.provider)\",\(title)")
            lines.append(url)
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private func url(of entry: Entry, _ form: Form, base: String, query: String) -> String? {
        switch form {
        case .unicast: base + MediaPath.masterPlaylist(entry.description.channel) + query
        case .multicast: entry.resource.flatMap { resource in resource.renditions.first?.playerURL(resource) }
        }
    }
}

extension ChannelList {
    /// The URL of each channel in a list that `text` wrote; lines it would not write are passed over.
    package static func urls(in text: String) -> [ChannelKey: String] {
        var urls: [ChannelKey: String] = [:]
        var channel: ChannelKey?
        for line in text.split(whereSeparator: \.isNewline) {
            if line.hasPrefix("#EXTINF:") {
                let identifier = line.split(separator: "\"").dropFirst().first
                channel = identifier.flatMap { ChannelKey(text: String($0)) }
            } else if !line.hasPrefix("#"), let named = channel {
                urls[named] = String(line)
                channel = nil
            }
        }
        return urls
    }
}

extension RenditionResource {
    /// As VLC and others take it: `rtp://10.255.0.1@232.1.0.1:5000`, without the source where hosts name none.
    package func playerURL(_ resource: MulticastResource) -> String {
        let source = resource.addressing == .sourceSpecific ? "\(Self.host(self.source))@" : "@"
        return "rtp://\(source)\(Self.host(group)):\(port)"
    }

    private static func host(_ address: IPAddress) -> String { address.v6 == nil ? "\(address)" : "[\(address)]" }
}
