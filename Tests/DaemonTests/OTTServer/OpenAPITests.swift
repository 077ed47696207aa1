import Clockwork
import ControlProtocol
import Credentials
import Daemon
import Foundation
import HTTPEdge
import JSONCoding
import Testing
import Wire
import Yams

/// One request that a documented operation is tried with.
private struct Trial: Sendable {
    enum Asker: Sendable { case client, proxy, otherProxy }

    var operation: String
    var path: String
    var asker: Asker
    var body: String?
    var hasToken = false
    var status: Int
}

@Suite(.timeLimit(.minutes(2))) struct `The OpenAPI document` {
    @Test func `names every served route with its listener, and no other`() async throws {
        try await RunningServer.run(on: ServerFolder()) { server in
            let document = try OpenAPIDocumentReader(openAPIDocument)
            let routes = server.role.routes
            #expect(document.operations(listener: "clients") == routes.clients)
            #expect(document.operations(listener: "nodes") == routes.nodes)
        }
    }

    private static let registration = """
        {"name":"north","prefixes":["127.0.0.0/8"],"address":"10.255.0.1"}
        """

    private static let report = """
        {"position":{"epoch":"x","revision":0},"allocations":[],"replication-points":[]}
        """

    private static let trials = [
        Trial(operation: "GET /v1/channels", path: "/v1/channels", asker: .client, status: 200),
        Trial(operation: "GET /v1/channels", path: "/v1/channels", asker: .proxy, status: 200),
        Trial(
            operation: "GET /v1/channels/{provider}/{channel}", path: "/v1/channels/acme/one", asker: .client,
            status: 200),
        Trial(
            operation: "GET /v1/channels/{provider}/{channel}", path: "/v1/channels/acme/nine", asker: .proxy,
            status: 404),
        Trial(
            operation: "POST /v1/channels/{provider}/{channel}/join", path: "/v1/channels/acme/one/join",
            asker: .client,
            status: 401),
        Trial(
            operation: "POST /v1/channels/{provider}/{channel}/join", path: "/v1/channels/acme/one/join",
            asker: .client,
            hasToken: true, status: 404),
        Trial(
            operation: "GET /live/{provider}/{channel}/master.m3u8", path: "/live/acme/one/master.m3u8",
            asker: .client, status: 401),
        Trial(
            operation: "GET /live/{provider}/{channel}/master.m3u8", path: "/live/acme/one/master.m3u8",
            asker: .client, hasToken: true, status: 200),
        Trial(
            operation: "GET /live/{provider}/{channel}/{rendition}.sdp", path: "/live/acme/one/high.sdp",
            asker: .client, hasToken: true, status: 404),
        Trial(operation: "GET /channels.m3u", path: "/channels.m3u", asker: .client, status: 401),
        Trial(operation: "GET /channels.m3u", path: "/channels.m3u", asker: .client, hasToken: true, status: 200),
        Trial(
            operation: "GET /channels.m3u", path: "/channels.m3u?form=x", asker: .client, hasToken: true,
            status: 400),
        Trial(operation: "GET /content/{path}", path: "/content/acme/one.m3u8", asker: .client, status: 200),
        Trial(operation: "GET /content/{path}", path: "/content/acme/none.ts", asker: .client, status: 404),
        Trial(operation: "HEAD /content/{path}", path: "/content/acme/one.m3u8", asker: .client, status: 200),
        Trial(operation: "GET /healthz", path: "/healthz", asker: .client, status: 200),
        Trial(operation: "GET /openapi.yaml", path: "/openapi.yaml", asker: .client, status: 200),
        Trial(
            operation: "PUT /v1/proxies/{name}/report", path: "/v1/proxies/north/report", asker: .proxy, body: report,
            status: 404),
        Trial(
            operation: "GET /v1/proxies/{name}/feed", path: "/v1/proxies/north/feed", asker: .proxy, status: 404),
        Trial(
            operation: "PUT /v1/proxies/{name}", path: "/v1/proxies/north", asker: .proxy, body: "{}", status: 400),
        Trial(
            operation: "PUT /v1/proxies/{name}", path: "/v1/proxies/north", asker: .otherProxy, body: registration,
            status: 403),
        Trial(
            operation: "PUT /v1/proxies/{name}", path: "/v1/proxies/north", asker: .proxy, body: registration,
            status: 204),
        Trial(
            operation: "PUT /v1/proxies/{name}/report", path: "/v1/proxies/north/report", asker: .proxy, body: report,
            status: 204),
        Trial(
            operation: "PUT /v1/proxies/{name}/report", path: "/v1/proxies/north/report", asker: .proxy, body: "[]",
            status: 400),
        Trial(
            operation: "POST /v1/proxies/{name}/channel-joins", path: "/v1/proxies/north/channel-joins",
            asker: .proxy, body: #"{"channel":"acme/one","token":"x","address":"127.0.0.1"}"#, status: 401),
        Trial(
            operation: "POST /v1/proxies/{name}/channel-joins", path: "/v1/proxies/north/channel-joins",
            asker: .otherProxy, body: #"{"channel":"acme/one","token":"x","address":"127.0.0.1"}"#, status: 403),
        Trial(
            operation: "POST /v1/proxies/{name}/channel-lists", path: "/v1/proxies/north/channel-lists",
            asker: .proxy, body: #"{"token":"x","address":"127.0.0.1"}"#, status: 401),
        Trial(
            operation: "GET /v1/proxies/{name}/feed", path: "/v1/proxies/north/feed?epoch=x&revision=y", asker: .proxy,
            status: 400),
        Trial(
            operation: "POST /v1/channels/{provider}/{channel}/join", path: "/v1/channels/acme/one/join",
            asker: .client,
            hasToken: true, status: 504),
    ]

    @Test func `is what the server answers, status by status and shape by shape`() async throws {
        try await RunningServer.run(on: ServerFolder(), joinDeadline: "200ms") { server in
            let document = try OpenAPIDocumentReader(openAPIDocument)
            try await server.enrol("alice")
            let proxy = try server.node(.liveProxy, "north")
            let other = try server.node(.liveProxy, "south")
            for trial in Self.trials {
                let client =
                    switch trial.asker {
                    case .client: server.clients
                    case .proxy: proxy
                    case .otherProxy: other
                    }
                let method = String(trial.operation.prefix { $0 != " " })
                let answer = try await client.exchange(
                    method, trial.path, json: trial.body,
                    bearer: trial.hasToken ? try await server.folder.token(for: "alice") : nil)
                let name = Comment(rawValue: "\(trial.operation) as \(trial.asker)")
                #expect(answer.status == trial.status, name)
                #expect(document.faults(of: answer, operation: trial.operation) == [], name)
            }
            await proxy.shutdown()
            await other.shutdown()
        }
    }

    @Test func `describes what goes over the feed and in a join`() throws {
        let document = try OpenAPIDocumentReader(openAPIDocument)
        let channel = try #require(ChannelKey(text: "acme/one"))
        let resource = try #require(FakeProxy.resource(of: channel))
        let description = MediaDescription(
            channel: channel, title: "One",
            renditions: [Rendition(name: "high", width: 1, height: 1, bandwidth: 1, url: "http://o", codecs: "avc1")])
        let position = FeedPosition(epoch: "a", revision: 1)
        let binding = SubscriberBinding(
            addresses: [try #require(IPAddress("10.0.0.1"))], mac: MACAddress("02:00:00:00:00:01"), interface: "eth0",
            bridgePort: "lan1")
        let items: [ServerFeedItem] = [
            .allocation(AllocationIndication(channel: channel, serial: 1, description: description)),
            .channelJoin(
                ChannelJoinIndication(
                    subscriber: "alice", binding: binding, channel: channel, serial: 1,
                    expires: .init(milliseconds: 1))),
        ]
        let messages: [FeedMessage<ServerFeedItem>] = [
            .snapshot(position: position, items: items),
            .change(position: position, upserts: items, removals: ["allocation/acme/one"]),
            .keepAlive(position: position),
        ]
        for message in messages {
            #expect(document.faults(of: try JSONText.encode(message), schema: "FeedMessage") == [])
        }
        let report = ProxyReport(
            position: position,
            allocations: [.allocated(resource: resource), .refused(reason: "x"), .released].map {
                ProxyReport.Allocation(channel: channel, serial: 1, outcome: $0)
            },
            replicationPoints: [
                ReplicationPointStatus(
                    name: "rp", prefixes: [try #require(IPPrefix("10.0.0.0/8"))], httpBase: "http://rp", applied: 1)
            ])
        #expect(document.faults(of: try JSONText.encode(report), schema: "ProxyReport") == [])
        let answer = JoinAnswer(mediaDescription: description, resource: resource, expires: .init(milliseconds: 1))
        #expect(document.faults(of: try JSONText.encode(answer), schema: "JoinAnswer") == [])
        #expect(document.faults(of: "{\"resource\":{}}", schema: "JoinAnswer") != [], "the checker finds nothing wrong")
    }

    @Test func `is the file in the deploy folder`() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        let file = try String(contentsOf: root.appendingPathComponent("deploy/openapi.yaml"), encoding: .utf8)
        #expect(file == openAPIDocument)
    }
}

/// As much of OpenAPI 3.1 and JSON Schema as our document uses; anything else in it is reported as a fault.
struct OpenAPIDocumentReader {
    private let root: Node

    init(_ text: String) throws {
        root = try #require(try Yams.compose(yaml: text))
    }

    private static let methods = ["get", "head", "put", "post", "delete"]

    /// Such as `GET /healthz`, of one listener, sorted.
    func operations(listener: String) -> [String] {
        var found: [String] = []
        for (path, item) in root["paths"]?.mapping ?? [:] {
            for method in Self.methods {
                let listeners = item[method]?["x-listeners"]?.array(of: String.self) ?? []
                if listeners.contains(listener) { found.append("\(method.uppercased()) \(path.string ?? "")") }
            }
        }
        return found.sorted()
    }

    /// What an answer has that the document does not say, or lacks of what it says.
    func faults(of answer: EdgeAnswer, operation: String) -> [String] {
        let parts = operation.split(separator: " ")
        guard let method = parts.first?.lowercased(), let path = parts.last,
            let responses = root["paths"]?[String(path)]?[method]?["responses"]
        else { return ["\(operation) is not documented"] }
        // By text: Yams takes a quoted "200" and the number for two keys.
        let documented = responses.mapping?.first { $0.key.string == String(answer.status) }?.value
        guard let response = documented.map(resolve) else {
            return ["status \(answer.status) is not documented"]
        }
        guard let content = response["content"]?.mapping else {
            return answer.body.isEmpty || method == "head" ? [] : ["a body is not documented"]
        }
        let type = answer.contentType ?? ""
        guard let media = content.first(where: { $0.key.string == type })?.value else {
            // Files have types of their own.
            return content.first?.key.string == "application/octet-stream"
                ? [] : ["content type \(type) is not documented"]
        }
        guard type.hasSuffix("json"), let schema = media["schema"] else { return [] }
        return faults(of: answer.body, against: schema)
    }

    func faults(of json: String, schema name: String) -> [String] {
        guard let schema = root["components"]?["schemas"]?[name] else { return ["there is no schema \(name)"] }
        return faults(of: json, against: schema)
    }

    private func faults(of json: String, against schema: Node) -> [String] {
        guard let value = try? JSONSerialization.jsonObject(with: Data(json.utf8), options: .fragmentsAllowed) else {
            return ["not JSON: \(json)"]
        }
        return faults(value, schema, at: "$")
    }

    private func resolve(_ node: Node) -> Node {
        guard let reference = node["$ref"]?.string else { return node }
        var found = root
        for name in reference.dropFirst(2).split(separator: "/") { found = found[String(name)] ?? Node("") }
        return resolve(found)
    }

    private func faults(_ value: Any, _ schema: Node, at path: String) -> [String] {
        let schema = resolve(schema)
        if let choices = schema["oneOf"]?.sequence {
            let fitting = choices.filter { faults(value, $0, at: path).isEmpty }.count
            return fitting == 1 ? [] : ["\(path) fits \(fitting) of \(choices.count) forms"]
        }
        switch schema["type"]?.string {
        case "object": return objectFaults(value, schema, at: path)
        case "array":
            guard let elements = value as? [Any] else { return ["\(path) is no array"] }
            guard let items = schema["items"] else { return [] }
            return elements.enumerated().flatMap { faults($0.element, items, at: "\(path)[\($0.offset)]") }
        case "string": return stringFaults(value, schema, at: path)
        case "integer": return value is Int || value is UInt64 ? [] : ["\(path) is no integer"]
        case "boolean": return value is Bool ? [] : ["\(path) is no boolean"]
        case let other: return ["\(path): the schema's type is \(other ?? "missing")"]
        }
    }

    private func objectFaults(_ value: Any, _ schema: Node, at path: String) -> [String] {
        guard let object = value as? [String: Any] else { return ["\(path) is no object"] }
        var found: [String] = []
        for name in schema["required"]?.array(of: String.self) ?? [] where object[name] == nil {
            found.append("\(path).\(name) is missing")
        }
        let properties = schema["properties"]
        for (name, member) in object.sorted(by: { $0.key < $1.key }) {
            guard let property = properties?[name] else {
                found.append("\(path).\(name) is not documented")
                continue
            }
            found += faults(member, property, at: "\(path).\(name)")
        }
        return found
    }

    private func stringFaults(_ value: Any, _ schema: Node, at path: String) -> [String] {
        guard let text = value as? String else { return ["\(path) is no string"] }
        if let allowed = schema["enum"]?.array(of: String.self), !allowed.contains(text) {
            return ["\(path) is \"\(text)\", none of \(allowed)"]
        }
        if let pattern = schema["pattern"]?.string, text.range(of: pattern, options: .regularExpression) == nil {
            return ["\(path) is \"\(text)\", not as \(pattern)"]
        }
        return []
    }
}
