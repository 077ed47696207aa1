import Clockwork
import ControlProtocol
import HLS
import HTTPEdge
import HTTPTypes
import Hummingbird
import MediaIO
import NIOCore
import ReplicationPoint
import UnicastDelivery
import Wire

/// Media over HTTP: HLS by the library, continuous streams by the media thread, which takes the connection over.
struct UnicastRoutes: Sendable {
    /// How long a first viewer's playlist waits for the first segment.
    private static let firstSegment = Duration.seconds(10)

    let media: UnicastMedia
    let admission: any ViewerAdmission
    /// Whether a playlist of one rendition keeps rings of the others, which players may switch to.
    let keepsAllRenditions: Bool

    func add(to router: Router<EdgeContext>) {
        for method in [HTTPRequest.Method.get, .head] {
            router.on("/live/:provider/:channel/:rendition/index.m3u8", method: method) { request, context in
                try await playlist(request, context)
            }
            router.on("/live/:provider/:channel/:rendition/{segment}.ts", method: method) { request, context in
                try await segment(request, context)
            }
            router.on("/live/:provider/:channel/{rendition}.ts", method: method) { request, context in
                try await stream(
                    context.channel(), context.parameters.require("rendition"), request, context)
            }
            for form in ["rtp", "udp"] {
                router.on("/\(form)/:endpoint", method: method) { request, context in
                    let (channel, rendition) = try await mapped(context.parameters.require("endpoint"))
                    return try await stream(channel, rendition, request, context)
                }
            }
            router.on("/burst/:provider/:channel/:rendition", method: method) { request, context in
                try await stream(
                    context.channel(), context.parameters.require("rendition"), request, context, isBurst: true)
            }
        }
    }

    // MARK: HLS

    private func playlist(_ request: Request, _ context: EdgeContext) async throws -> Response {
        let (session, key) = try await admittedPlaylist(request, context)
        if keepsAllRenditions {
            media.keep(session.resource.renditions.compactMap { try? self.key(of: $0.rendition, in: session) })
        }
        guard let snapshot = await media.snapshot(of: key, waitingFor: Self.firstSegment) else {
            throw Problem.noMedia
        }
        let query = session.grant.map { "?grant=\($0)" } ?? ""
        let segments = snapshot.segments.map {
            PlaylistWriter.Segment(
                uri: "\($0.number).ts\(query)", duration: $0.duration, isDiscontinuous: $0.isDiscontinuous,
                isGap: $0.isGap, programDateTime: CalendarClock.unixTime($0.begin))
        }
        let text = PlaylistWriter.live(
            targetDuration: snapshot.segmentLength * 2, mediaSequence: snapshot.segments.first?.number ?? 0,
            discontinuitySequence: snapshot.discontinuitySequence, segments: segments)
        await admission.sent(session.id, bytes: UInt64(text.utf8.count))
        return Response.text(text, type: "application/vnd.apple.mpegurl").withoutBody(for: request)
    }

    private func segment(_ request: Request, _ context: EdgeContext) async throws -> Response {
        guard let number = Int64(try context.parameters.require("segment")) else { throw Problem.noSegment }
        let (session, key) = try await admittedPlaylist(request, context)
        guard let (segment, memory) = await media.segment(number, of: key), !segment.isGap else {
            throw Problem.noSegment
        }
        let body = SegmentBody(prefix: segment.prefix, range: segment.range, memory: memory)
        let whole = 0..<body.count
        guard let wanted = RequestedRange.parse(request.headers[.range], of: body.count) else {
            throw Problem.badRange
        }
        await admission.sent(session.id, bytes: UInt64(wanted.count))
        var headers: HTTPFields = [
            .contentType: "video/mp2t", .cacheControl: "private, max-age=60", .acceptRanges: "bytes",
        ]
        if wanted != whole {
            headers[.contentRange] = "bytes \(wanted.lowerBound)-\(wanted.upperBound - 1)/\(body.count)"
        }
        return Response(
            status: wanted == whole ? .ok : .partialContent, headers: headers, body: body.response(wanted)
        ).withoutBody(for: request)
    }

    private func admittedPlaylist(
        _ request: Request, _ context: EdgeContext
    ) async throws -> (ViewerSession, StreamKey) {
        let rendition = try context.parameters.require("rendition")
        let session = try await admission.admit(
            viewer(context.channel(), .playlist(rendition: rendition), request, context))
        return (session, try key(of: rendition, in: session))
    }

    // MARK: Continuous

    private func stream(
        _ channel: ChannelKey, _ rendition: String, _ request: Request, _ context: EdgeContext, isBurst: Bool = false
    ) async throws -> Response {
        let purpose: ViewerRequest.Purpose = isBurst ? .burst(rendition: rendition) : .stream(rendition: rendition)
        let session = try await admission.admit(viewer(channel, purpose, request, context))
        let key = try key(of: rendition, in: session)
        let type = isBurst ? "application/octet-stream" : "video/mp2t"
        guard request.method == .get else {
            return Response(status: .ok, headers: [.contentType: type, .cacheControl: "no-store"])
        }
        guard await admission.began(session.id, rendition: rendition) else { throw Problem.sessionEnded }
        let (admission, media) = (admission, media)
        guard let descriptor = try? await context.takeOver() else {
            await admission.ended(session.id, rendition: rendition, bytes: 0)
            throw Problem.notTakenOver
        }
        media.join(
            ViewerConnection(
                stream: key, session: session.id, rendition: rendition, descriptor: descriptor,
                head: Self.head(type), isBurst: isBurst
            ) { bytes, _ in
                Task { await admission.ended(session.id, rendition: rendition, bytes: bytes) }
            })
        // The connection is no longer the server's: this goes nowhere.
        return Response(status: .ok)
    }

    private static func head(_ type: String) -> [UInt8] {
        Array(
            ("HTTP/1.1 200 OK\r\nContent-Type: \(type)\r\nCache-Control: no-store\r\nConnection: close\r\n"
                + "Access-Control-Allow-Origin: *\r\n\r\n").utf8)
    }

    // MARK: What is asked for

    /// The request as admission judges it: a grant in the query, or else the client's token.
    private func viewer(
        _ channel: ChannelKey, _ purpose: ViewerRequest.Purpose, _ request: Request, _ context: EdgeContext
    ) throws -> ViewerRequest {
        let grant = request.uri.queryParameters["grant"].map { ViewerCredentials.grant(String($0)) }
        return ViewerRequest(
            channel: channel, purpose: purpose, address: try context.clientAddress(),
            credentials: grant ?? request.clientToken.map { .token($0) } ?? .none)
    }

    /// `GROUP:PORT`, as relays have it; only what the channel map holds.
    private func mapped(_ endpoint: String) async throws -> (ChannelKey, String) {
        // Some players put the source before an at sign.
        let place = endpoint.split(separator: "@").last ?? ""
        guard let colon = place.lastIndex(of: ":"), let port = UInt16(place[place.index(after: colon)...]),
            let group = IPAddress(place[..<colon]), let found = await admission.rendition(group: group, port: port)
        else { throw Problem.noStream }
        return (found.channel, found.rendition)
    }

    private func key(of rendition: String, in session: ViewerSession) throws -> StreamKey {
        guard let resource = session.resource(of: rendition) else { throw Problem.noStream }
        guard let source = resource.source.v4, let group = resource.group.v4 else { throw Problem.notIPv4 }
        return StreamKey(source: source, group: group, port: resource.port)
    }
}

/// A segment's bytes, read from the ring piece by piece as they are sent.
private struct SegmentBody: Sendable {
    let prefix: [UInt8]
    let range: Range<UInt64>
    let memory: RingMemory

    private static let pieceBytes = 64 << 10

    var count: Int { prefix.count + Int(range.upperBound - range.lowerBound) }

    func response(_ wanted: Range<Int>) -> ResponseBody {
        ResponseBody(contentLength: wanted.count) { writer in
            var next = wanted.lowerBound
            while next < wanted.upperBound {
                let end = min(wanted.upperBound, next < prefix.count ? prefix.count : next + Self.pieceBytes)
                guard let piece = piece(next..<end) else { throw SegmentGone() }
                try await writer.write(ByteBuffer(bytes: piece))
                next = end
            }
            try await writer.finish(nil)
        }
    }

    private func piece(_ part: Range<Int>) -> [UInt8]? {
        if part.upperBound <= prefix.count { return Array(prefix[part]) }
        let first = range.lowerBound + UInt64(part.lowerBound - prefix.count)
        return memory.copy(first..<(first + UInt64(part.count)))
    }
}

/// The ring went over what was being read: the answer is cut short, so that the client sees it is not whole.
private struct SegmentGone: Error {}

/// `Range: bytes=…` with one range (RFC 9110 §14.2).
enum RequestedRange {
    /// The whole for no header or one that is not understood; nil for one that cannot be satisfied.
    static func parse(_ header: String?, of count: Int) -> Range<Int>? {
        let whole = 0..<count
        guard let header, header.hasPrefix("bytes="), !header.contains(",") else { return whole }
        let parts = header.dropFirst(6).split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return whole }
        if parts[0].isEmpty {
            guard let suffix = Int(parts[1]) else { return whole }
            return suffix > 0 ? max(0, count - suffix)..<count : nil
        }
        guard let first = Int(parts[0]), parts[1].isEmpty || Int(parts[1]) != nil else { return whole }
        let last = min(Int(parts[1]) ?? count - 1, count - 1)
        guard first < count else { return nil }
        return first <= last ? first..<(last + 1) : whole
    }
}

extension Response {
    /// What `HEAD` is answered: the head `GET` would have had.
    fileprivate func withoutBody(for request: Request) -> Response {
        guard request.method == .head else { return self }
        var answer = self
        if let length = body.contentLength { answer.headers[.contentLength] = "\(length)" }
        answer.body = ResponseBody()
        return answer
    }
}

extension Problem {
    fileprivate static let noMedia = Problem(
        code: "no-media", status: 503, title: "Nothing of the stream has arrived yet.",
        detail: "Try again; the channel may be starting.")
    fileprivate static let noSegment = Problem(
        code: "no-segment", status: 404, title: "There is no such segment, or not any more.",
        detail: "Reload the playlist.")
    fileprivate static let noStream = Problem(
        code: "no-stream", status: 404, title: "The channel map has no such stream.",
        detail: "GET /channels.m3u lists what there is.")
    fileprivate static let notIPv4 = Problem(
        code: "not-ipv4", status: 501, title: "The stream's group is no IPv4 group.",
        detail: "Unicast delivery takes IPv4 groups.")
    fileprivate static let badRange = Problem(
        code: "bad-range", status: 416, title: "The range lies behind the segment's end.", detail: "Ask for less.")
    fileprivate static let sessionEnded = Problem(
        code: "session-ended", status: 403, title: "The session was closed meanwhile.",
        detail: "Ask for the channel anew.")
    fileprivate static let notTakenOver = Problem(
        code: "not-a-plain-connection", status: 501, title: "Continuous streams need plain HTTP.",
        detail: "Ask by http, or play the HLS playlist.")
}
