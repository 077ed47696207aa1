import ConfigurationFile
import MRPConfiguration
import Testing
import Wire

/// The `line:column: message` of everything wrong in `text`.
private func problems(_ text: String) -> [String] {
    do {
        _ = try ConfigurationFile.parse(text, file: "f")
        return []
    } catch {
        return error.lines
    }
}

private let router = "node: r1\nrouter:\n  interfaces:\n"

@Suite struct ProblemTests {
    @Test func `a misspelt key is named with its place and what was meant`() {
        let found = problems(router + "    v0: {igmp: {quereir-interval: 10s}}\n")
        #expect(
            found == [
                "f:4:17: unknown key \"router.interfaces.v0.igmp.quereir-interval\" (did you mean \"query-interval\"?)"
            ])
    }

    @Test func `everything wrong is told in one run and in the order of the file`() {
        let found = problems(
            """
            nod: r1
            router:
              tabel: 5
              interfaces:
                viewers0: {igmp: {version: 4, query-interval: 10}}
                much-too-long-a-name: {pim: {dr-priority: -1}}
                idle0: {}
            """)
        #expect(
            found == [
                "f:1:1: \"node\" is missing: it must be a name of 1 to 64 letters, digits, dots, underlines and hyphens",
                "f:1:1: unknown key \"nod\" (did you mean \"node\"?)",
                "f:3:3: unknown key \"router.tabel\" (did you mean \"table\"?)",
                "f:5:32: router.interfaces.viewers0.igmp.version must be a whole number from 1 to 3, not \"4\"",
                "f:5:51: router.interfaces.viewers0.igmp.query-interval must be a duration such as 10s, 500ms or 2h, "
                    + "from 1s to 31744s, not \"10\"",
                "f:6:27: \"much-too-long-a-name\" is no interface name: 1 to 15 characters without space, colon or slash",
                "f:6:47: router.interfaces.much-too-long-a-name.pim.dr-priority must be a whole number from 0 to "
                    + "4294967295, not \"-1\"",
                "f:7:12: router.interfaces.idle0 does nothing: give it \"igmp\" (hosts), \"pim\" (routers), "
                    + "\"source\" or \"delivery\"",
            ])
    }

    @Test func `a second delivery interface is refused with the place of the interfaces`() {
        let found = problems(router + "    d0: {delivery: 10.0.0.1/32}\n    d1: {delivery: 10.0.0.2/32}\n")
        #expect(
            found == [
                "f:4:5: only one interface of a router can be its \"delivery\", not \"d0\", \"d1\""
            ])
    }

    @Test func `every duplicate key is reported at its second place`() {
        let found = problems(
            "node: r1\nnode: r2\nrouter:\n  interfaces:\n    v0: {igmp: }\n    w0: {pim: }\n    'v0': {pim: }\n")
        #expect(
            found == [
                "f:2:1: the key \"node\" appears twice, first at 1:1",
                "f:7:5: the key \"v0\" appears twice, first at 5:5",
            ])
    }

    @Test(arguments: [
        ("igmp: {admission: open}", "unknown key"), ("igmp: [1]", "must be a section of keys, not a list"),
        ("igmp: , admission: autorized", "(did you mean \"authorized\"?)"),
        ("igmp: {immediate-leave: yes}", "must be true or false"),
        ("igmp: {query-interval: 5s}", "query-max-response-time must be shorter"),
        ("pim: {hello-interval: 200s, hello-holdtime: 105s}", "hello-holdtime must be longer"),
        ("pim: {triggered-hello-delay: 2m}", "triggered-hello-delay"),
        ("pim: {neighbors: [10.0.0.0/33]}", "must be a network prefix"),
        ("source: 10.0.0.1/32, igmp: ", "can have neither igmp nor pim"), ("source: 232.0.0.1", "interface address"),
        ("delivery: 10.0.0.1/32, igmp: ", "can have neither igmp, pim nor source"),
        ("delivery: 10.0.0.1/32, source: 10.0.0.2/32", "can have neither igmp, pim nor source"),
        ("delivery: 10.0.0.1/33", "interface address"), ("delivery: 232.0.0.1/32", "interface address"),
    ])
    func `an interface's settings are checked`(settings: String, message: String) {
        let found = problems(router + "    v0: {\(settings)}\n")
        #expect(found.count == 1)
        #expect(found.first?.contains(message) == true, "\(found)")
    }

    @Test(arguments: [
        ("", "nothing to run"),
        ("replication-point: {live-proxy: 'https://h:1', prefixes: 10.0.0.0/8}", "needs a \"tls\""),
        ("tls: {certificate: c, key: k}\nrouter: {interfaces: {a: {pim: }}}", "\"tls.authority\" is missing"),
        ("routr: {}", "(did you mean \"router\"?)"), ("router: {}", "name at least one interface"),
        ("node: 5\n  x: y", "not valid YAML"), ("router: {interfaces: {a: {pim: }}\n", "not valid YAML"),
        ("? [a]\n: b\nrouter: {interfaces: {a: {pim: }}}", "a key must be a word"),
    ])
    func `the whole is checked`(text: String, message: String) {
        let found = problems("node: n1\n" + text)
        #expect(found.contains { $0.contains(message) }, "\(found)")
    }

    @Test(arguments: [
        ("name: a, groups: 10.0.0.0/8", "does not hold multicast groups alone"),
        ("name: a, groups: 239.1.0.0/16", "source-specific groups are in"),
        ("name: a, groups: 232.1.0.0/16, addressing: any-source", "is for source-specific groups"),
        ("name: a, groups: 224.0.0.0/25, addressing: any-source", "never forwarded"),
        ("name: a, groups: 232.1.0.0/16, first-port: 5001", "and even"),
        ("name: a, groups: 232.1.0.0/16, first-port: 65500", "to 65375"),
        ("name: a, groups: 232.1.0.0/16}, {name: b, groups: 232.1.2.0/24", "overlap"),
        ("name: a, groups: 232.1.0.0/16}, {name: a, groups: 232.2.0.0/16", "names a twice"),
        ("name: a, groups: 232.1.0.0/16, layout: group-per-chanel", "(did you mean \"group-per-channel\"?)"),
    ])
    func `pools are checked`(pools: String, message: String) {
        let found = problems(proxy("  pools: [{\(pools)}]"))
        #expect(found.contains { $0.contains(message) }, "\(found)")
    }

    private func proxy(_ more: String, router: String = "") -> String {
        """
        node: p1
        tls: {certificate: c, key: k, authority: a}
        \(router)
        live-proxy:
          ott-servers: https://10.0.0.1:8443
          address: 10.1.0.2
          prefixes: 10.3.0.0/16
          source: {address: 10.255.0.1}
        \(more)
        """
    }

    @Test func `one value stands for a list of one, and pools have a default`() throws {
        #expect(problems(proxy("")) == [])
        let configuration = try ConfigurationFile.parse(proxy(""), file: "f").liveProxy
        #expect(configuration?.pools.map(\.groups.description) == ["232.1.0.0/16"])
    }

    @Test(arguments: [
        ("router: {interfaces: {mrp-sorce: {source: 10.255.0.1/32}}}", "(did you mean \"mrp-sorce\"?)"),
        ("router: {interfaces: {mrp-source: {source: 10.255.0.2/32}}}", "source is 10.255.0.2"),
        ("router: {interfaces: {mrp-source: {pim: }}}", "source is none"),
        ("ott-server: {node-address: '127.0.0.1:8444', tokens: {public-key: k}}", "collide"),
        ("ott-server: {client-address: '0.0.0.0:8443', tokens: {public-key: k}}", "collide"),
        ("ott-server: {control-socket: /run/mrp/live-proxy.sock, tokens: {public-key: k}}", "is ott-server's too"),
        ("ott-server: {}", "\"ott-server.tokens\" is missing"),
    ])
    func `sections are checked against each other`(other: String, message: String) {
        let found = problems(proxy("", router: other))
        #expect(found.contains { $0.contains(message) }, "\(found)")
    }

    @Test func `a role's own certificate comes before the file's`() throws {
        let text = """
            node: n1
            tls: {certificate: c, key: k, authority: a}
            ott-server: {tokens: {public-key: k}, tls: {certificate: own, key: k, authority: a}}
            replication-point: {live-proxy: 'https://h:1', prefixes: 10.0.0.0/8}
            """
        let configuration = try ConfigurationFile.parse(text, file: "f")
        #expect(configuration.tls(for: .ottServer)?.certificate == "own")
        #expect(configuration.tls(for: .replicationPoint)?.certificate == "c")
        #expect(configuration.tls(for: .liveProxy)?.certificate == "c")
    }

    @Test func `a channel asks for a pool that exists`() {
        let found = problems(proxy("  channels: [{channel: acme/news, pool: defualt}]"))
        #expect(found == ["f:9:41: there is no pool \"defualt\" (did you mean \"default\"?)"])
    }

    @Test func `hostile documents end in a problem, not in a crash`() {
        let bomb = (0..<30).map { "a\($0): &a\($0) [\($0 == 0 ? "x" : "*a\($0 - 1),*a\($0 - 1)")]" }
        #expect(problems(bomb.joined(separator: "\n")).contains { $0.contains("more than 200000 values") })
        #expect(problems(String(repeating: "[", count: 5_000)).contains { $0.contains("longer than") })
        #expect(problems(String(repeating: "[", count: 2_000)).contains { $0.contains("not valid YAML") })
        #expect(problems("node: \"\\u0000\"").contains { $0.contains("must be a name") })
        #expect(!problems("\u{FEFF}").isEmpty)
    }

    @Test func `nothing but mistakes costs a page of problems, not minutes`() {
        let unknown = problems("node: n\n" + (0..<50_000).map { "k\($0): 1" }.joined(separator: "\n"))
        #expect(unknown.count == 101)
        #expect(unknown.last == "f:end: there may be more problems: these 100 come first")
        let twice = problems(String(repeating: "node: n\n", count: 500))
        #expect(twice == ["f:21:1: the key \"node\" appears twice, as do 20 others"])
    }

    @Test func `a folder is no configuration`() {
        #expect(ConfigurationCheck(path: "/").lines.first == "/:1:1: cannot be read: it is not a file")
    }

    @Test func `a file that is not there is a problem`() {
        let check = ConfigurationCheck(path: "/nonexistent/mrp.yaml")
        #expect(check.lines.first == "/nonexistent/mrp.yaml:1:1: cannot be read: there is no such file")
        #expect(check.exitCode == 6)
    }
}
