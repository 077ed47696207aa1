import ControlProtocol
import FoundationEssentials
import HLS
import HTTPEdge
import HTTPTypes
import Hummingbird
import Wire

// Requests and answers that the client listeners of all roles share.
extension Request {
    /// The client's token as an `Authorization` header would carry it: that header, or `token=` in the query for players that
    /// send no headers.
    var clientAuthorization: String? {
        headers[.authorization] ?? uri.queryParameters["token"].map { "Bearer \($0)" }
    }

    /// The token itself, from either place.
    var clientToken: String? {
        guard let value = clientAuthorization else { return nil }
        let parts = value.split(separator: " ", maxSplits: 1)
        return parts.count == 2 && parts[0].lowercased() == "bearer" ? String(parts[1]) : nil
    }

    /// Which form of a channel list is wanted; unicast where the query says none.
    func channelListForm() throws(Problem) -> ChannelList.Form {
        guard let text = uri.queryParameters["form"] else { return .unicast }
        guard let form = ChannelList.Form(rawValue: String(text)) else {
            throw Problem(
                code: "unknown-form", status: 400, title: "There is no such form of the list",
                detail: "Ask for form=multicast or form=unicast.")
        }
        return form
    }

    /// Players ask for none: what they get holds the media alone.
    func sessionDescriptionForm() throws(Problem) -> SessionDescription.Form {
        guard let text = uri.queryParameters["form"] else { return .plain }
        guard let form = SessionDescription.Form(rawValue: String(text)) else {
            throw Problem(
                code: "unknown-form", status: 400, title: "There is no such form of a session description",
                detail: "Ask for form=plain or form=full.")
        }
        return form
    }

    /// The URL this listener was reached by, where the client told; empty otherwise.
    var ownBase: String {
        guard let authority = head.authority, !authority.isEmpty, authority.utf8.allSatisfy(Self.isAuthorityByte)
        else { return "" }
        return "http://\(authority)"
    }

    private static func isAuthorityByte(_ byte: UInt8) -> Bool {
        (0x30...0x3A).contains(byte) || (0x41...0x5B).contains(byte) || (0x61...0x7A).contains(byte)
            || byte == 0x5D || byte == 0x2D || byte == 0x2E
    }
}

extension EdgeContext {
    /// The path's `provider` and `channel`.
    func channel() throws -> ChannelKey {
        let provider = try parameters.require("provider")
        let name = try parameters.require("channel")
        guard let key = ChannelKey(provider: provider, channel: name) else {
            throw Problem.badName("\(provider)/\(name)")
        }
        return key
    }

    /// The other end's address, by which clients are told apart.
    func clientAddress() throws(Problem) -> IPAddress {
        guard let address = remoteAddress else {
            throw Problem(
                code: "no-address", status: 400, title: "The connection has no address", detail: "Ask by TCP.")
        }
        return address
    }
}

extension Response {
    /// A master playlist of the renditions where `description` says they are.
    static func masterPlaylist(_ description: MediaDescription) -> Response {
        let writer = MasterPlaylistWriter(
            description.renditions.map {
                MasterPlaylistWriter.Variant(
                    uri: $0.url, bandwidth: $0.bandwidth, width: $0.width, height: $0.height, codecs: $0.codecs)
            })
        return .text(writer.text, type: MasterPlaylistWriter.contentType)
    }

    /// To be asked for anew each time: the answer holds for this client, now.
    static func redirect(to location: String) -> Response {
        Response(status: .found, headers: [.location: location, .cacheControl: "no-store"])
    }

    static func channelList(_ list: ChannelList, to request: Request) throws(Problem) -> Response {
        let form = try request.channelListForm()
        let query = request.clientToken.map { "?token=" + queryEncoded($0) } ?? ""
        return .text(list.text(form, base: request.ownBase, query: query), type: "audio/x-mpegurl")
    }

    static func sessionDescription(
        _ resource: MulticastResource, _ description: MediaDescription, rendition: String, to request: Request
    ) throws(Problem) -> Response {
        let form = try request.sessionDescriptionForm()
        let text = SessionDescription(
            resource: resource, description: description, rendition: rendition, form: form)?.text
        guard let text else { throw .unknownRendition(rendition, of: resource.channel) }
        return .text(text, type: "application/sdp")
    }

    /// RFC 3986 §2.3: everything but unreserved characters as bytes.
    private static func queryEncoded(_ text: String) -> String {
        text.utf8.map { byte in
            ChannelKey.isName("a" + String(UnicodeScalar(byte))) || byte == 0x7E
                ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }.joined()
    }
}

extension Problem {
    static func unknownRendition(_ rendition: String, of channel: ChannelKey) -> Problem {
        Problem(
            code: "unknown-rendition", status: 404, title: "\(channel) has no rendition \(rendition)",
            detail: "The master playlist names those there are.")
    }
}
