import ControlProtocol
import Wire

/// The whole configuration file; each program reads the sections that concern it.
package struct Configuration: Hashable, Sendable {
    /// This host's name in registrations and certificates.
    package var node: String
    /// System group whose members may use the control sockets; without it, only their owners.
    package var controlGroup: String?
    /// For roles that have none of their own.
    package var tls: TLSConfiguration?
    package var router: RouterConfiguration?
    package var ottServer: OTTServerConfiguration?
    package var liveProxy: LiveProxyConfiguration?
    package var replicationPoint: ReplicationPointConfiguration?
}

/// PEM files of mutual TLS between nodes.
package struct TLSConfiguration: Hashable, Sendable {
    package var certificate: String
    package var key: String
    package var authority: String
}

/// A role `mrpd` runs; the raw value is its section's key.
package enum Role: String, Hashable, Sendable, CaseIterable {
    case ottServer = "ott-server"
    case liveProxy = "live-proxy"
    case replicationPoint = "replication-point"
}

extension Configuration {
    /// The roles the file has a section for.
    package var roles: [Role] {
        Role.allCases.filter { role in
            switch role {
            case .ottServer: ottServer != nil
            case .liveProxy: liveProxy != nil
            case .replicationPoint: replicationPoint != nil
            }
        }
    }

    /// The role's own certificate, or the file's: a certificate names one role, so a file of several roles has several.
    package func tls(for role: Role) -> TLSConfiguration? {
        switch role {
        case .ottServer: ottServer?.tls ?? tls
        case .liveProxy: liveProxy?.tls ?? tls
        case .replicationPoint: replicationPoint?.tls ?? tls
        }
    }

    /// Gives the syntax a meaning; all that is wrong comes in one error.
    /// - Parameter earlier: what the reader of the syntax found already.
    package static func read(
        _ document: DocumentNode, file: String, earlier: [ConfigurationProblem] = []
    ) throws(ConfigurationProblems) -> Configuration {
        let log = ProblemLog()
        var top = SectionReader(node: document, path: "", log: log)
        let configuration = Configuration(reading: &top)
        top.finish()
        let problems = earlier + log.problems
        guard problems.isEmpty, let configuration else {
            throw ConfigurationProblems(file: file, problems: problems)
        }
        return configuration
    }

    private init?(reading top: inout SectionReader) {
        let node = top.required("node", .nodeName)
        controlGroup = top.optional("control-group", .nodeName)
        tls = top.section("tls") { TLSConfiguration(reading: &$0) }
        router = top.section("router") { RouterConfiguration(reading: &$0) }
        ottServer = top.section(Role.ottServer.rawValue) { OTTServerConfiguration(reading: &$0) }
        liveProxy = top.section(Role.liveProxy.rawValue) { LiveProxyConfiguration(reading: &$0) }
        replicationPoint = top.section(Role.replicationPoint.rawValue) {
            ReplicationPointConfiguration(reading: &$0)
        }
        self.node = node ?? ""
        checkAcrossSections(top)
        if node == nil { return nil }
    }
}

extension TLSConfiguration {
    init?(reading section: inout SectionReader) {
        let certificate = section.required("certificate", .file)
        let key = section.required("key", .file)
        let authority = section.required("authority", .file)
        guard let certificate, let key, let authority else { return nil }
        self.certificate = certificate
        self.key = key
        self.authority = authority
    }
}

extension Configuration {
    private func checkAcrossSections(_ top: SectionReader) {
        let sections = ["router"] + Role.allCases.map(\.rawValue)
        if !sections.contains(where: top.has) {
            top.problem("nothing to run: give a section \(sections.map { "\"\($0)\"" }.joined(separator: ", "))")
        }
        for role in roles where tls(for: role) == nil && !top.has("tls") {
            top.problem("\"\(role.rawValue)\" needs a \"tls\" section: nodes speak mutual TLS", at: role.rawValue)
        }
        checkListeners(top)
        checkSockets(top)
        checkSource(top)
    }

    private func checkListeners(_ top: SectionReader) {
        var seen: [(key: String, endpoint: ListenEndpoint)] = []
        let listeners: [(String, Role, ListenEndpoint?)] = [
            ("client-address", .ottServer, ottServer?.clientAddress),
            ("node-address", .ottServer, ottServer?.nodeAddress),
            ("node-address", .liveProxy, liveProxy?.nodeAddress),
            ("client-address", .liveProxy, liveProxy?.clientAddress),
        ]
        for (key, role, endpoint) in listeners {
            guard let endpoint else { continue }
            let name = "\(role.rawValue).\(key)"
            if let other = seen.first(where: { $0.endpoint.collides(with: endpoint) }) {
                top.problem("\(name) \(endpoint) and \(other.key) \(other.endpoint) collide", at: role.rawValue)
            }
            seen.append((name, endpoint))
        }
    }

    private func checkSockets(_ top: SectionReader) {
        var seen: [String: String] = [:]
        let sockets: [(String, String?)] = [
            ("router", router?.controlSocket), (Role.ottServer.rawValue, ottServer?.controlSocket),
            (Role.liveProxy.rawValue, liveProxy?.controlSocket),
            (Role.replicationPoint.rawValue, replicationPoint?.controlSocket),
        ]
        for (section, socket) in sockets {
            guard let socket else { continue }
            if let other = seen[socket] {
                top.problem("\(section).control-socket is \(other)'s too: \(socket)", at: section)
            }
            seen[socket] = section
        }
    }

    /// Where router and live proxy are described together, the interface the one makes is the one the other sends by.
    private func checkSource(_ top: SectionReader) {
        guard let router, let source = liveProxy?.source else { return }
        let key = Role.liveProxy.rawValue
        guard let interface = router.interfaces.first(where: { $0.name == source.interface }) else {
            let names = router.interfaces.map(\.name)
            let near = hint(suggestion(for: source.interface, among: names))
            top.problem("\(key).source.interface \"\(source.interface)\" is not in router.interfaces\(near)", at: key)
            return
        }
        if interface.source?.address != source.address {
            let theirs = interface.source.map { "\($0.address)" } ?? "none"
            top.problem(
                "\(key).source.address is \(source.address), router.interfaces.\(interface.name).source is \(theirs)",
                at: key)
        }
    }
}
