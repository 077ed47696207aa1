import HTTPEdge
import HTTPTypes
import Hummingbird
import NIOCore

/// A page for people at `/`: lists the channels a token may see and plays one with the browser's own HLS support. It
/// asks the listener it came from for `/channels.m3u`.
enum ViewerPage {
    /// Only our own files are executed or styled. Media may come from anywhere, since the playlist of a channel leads to
    /// the replication point that serves the viewer, or to the origin.
    private static let policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; media-src * blob:; connect-src *; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

    private static let files: [(path: RouterPath, type: String, bytes: [UInt8])] = [
        ("/", "text/html; charset=utf-8", PackageResources.viewer_html),
        ("/viewer.css", "text/css; charset=utf-8", PackageResources.viewer_css),
        ("/viewer.js", "text/javascript; charset=utf-8", PackageResources.viewer_js),
    ]

    static func add(to router: Router<EdgeContext>) {
        for file in files {
            router.get(file.path) { _, _ in response(type: file.type, bytes: file.bytes) }
        }
    }

    private static func response(type: String, bytes: [UInt8]) -> Response {
        let headers: HTTPFields = [
            .contentType: type, .cacheControl: "no-cache", .contentSecurityPolicy: policy,
            .xContentTypeOptions: "nosniff",
        ]
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}
