/// The configuration files of the metro deployment.
extension MetroDeployment {
    func configureServer() throws {
        let tls = try credentials.issue(role: "ott-server", node: "ott", addresses: [MetroTopology.serverAddress])
        let renditions = LiveLadder.rungs.map { rung in
            """
                      - name: \(rung.name)
                        width: \(rung.width)
                        height: \(rung.height)
                        bandwidth: \((rung.bitRate + 100_000) / 1000)kbit/s
                        url: \(Self.serverBase)/content/\(Self.channel)/\(rung.name).m3u8
            """
        }
        _ = try metro.ott.write(
            "mrp.yaml",
            """
            node: ott
            \(tls)
            ott-server:
              client-address: 0.0.0.0:8080
              node-address: 0.0.0.0:8443
              control-socket: \(metro.ott.path("ott-server.sock"))
              database: \(metro.ott.path("ott-server.sqlite"))
              content: \(content)
              tokens:
                public-key: \(credentials.tokenPublicKey)
              channels:
                - channel: \(Self.channel)
                  title: News
                  renditions:
            \(renditions.joined(separator: "\n"))

            """)
    }

    func configureProxy() throws {
        let tls = try credentials.issue(
            role: "live-proxy", node: "proxy",
            addresses: [MetroTopology.proxyAddress, MetroTopology.proxyDownstreamAddress])
        _ = try metro.proxy.write(
            "mrp.yaml",
            """
            node: proxy
            \(tls)
            \(router(
                metro.proxy,
                interfaces: [
                    "downlink": Self.upstreamInterface, "mrp-source": "{ source: \(MetroTopology.mediaSource)/32 }",
                ]))
            live-proxy:
              ott-servers: [ "https://\(MetroTopology.serverAddress):8443" ]
              node-address: 0.0.0.0:8444
              client-address: 0.0.0.0:8081
              http-base: \(Self.proxyBase)
              address: \(MetroTopology.proxyAddress)
              prefixes: [ 10.1.0.0/16, 10.2.0.0/16 ]
              router-socket: \(metro.proxy.path("router.sock"))
              control-socket: \(metro.proxy.path("live-proxy.sock"))
              state: \(metro.proxy.path("state"))
              source: { interface: mrp-source, address: \(MetroTopology.mediaSource) }
              linger: 2s
              pools:
                - name: default
                  layout: \(plan.pool.layout)
                  addressing: \(plan.pool.addressing)
                  groups: \(plan.pool.groups)
                  first-port: 5000
                  \(plan.pool.repair.map { "repair: \($0)" } ?? "")

            """)
    }

    /// Where unicast viewers are told their replication point.
    package static let proxyBase = "http://\(MetroTopology.proxyAddress):8081"

    /// Where clients ask the OTT server.
    package static let serverBase = "http://\(MetroTopology.serverAddress):8080"

    /// Where unicast viewers of `rp1` or `rp2` fetch.
    package static func replicationPointBase(_ number: Int) -> String { "http://10.0.\(3 + number).2:8080" }

    func configureCore() throws {
        _ = try metro.core2.write(
            "mrp.yaml",
            """
            node: core2
            \(router(
                metro.core2,
                interfaces: [
                    "proxy": Self.upstreamInterface, "rp1": Self.upstreamInterface, "rp2": Self.upstreamInterface,
                ]))

            """)
    }

    func configureReplicationPoint(_ node: Node, number: Int) throws {
        let tls = try credentials.issue(
            role: "replication-point", node: node.name, addresses: ["10.0.\(3 + number).2"])
        let ports = metro.viewers.filter { $0.replicationPoint == node.name }.map(\.port)
        var interfaces = Dictionary(uniqueKeysWithValues: ports.map { ($0, "{ igmp: { version: 3 } }") })
        interfaces["uplink"] = Self.upstreamInterface
        if plan.servesUnicast { interfaces["mrp-delivery"] = "{ delivery: 10.255.1.\(number)/32 }" }
        let clients = plan.servesUnicast ? "client-address: 0.0.0.0:8080" : ""
        _ = try node.write(
            "mrp.yaml",
            """
            node: \(node.name)
            \(tls)
            \(router(node, interfaces: interfaces))
            replication-point:
              live-proxy: https://\(MetroTopology.proxyDownstreamAddress):8444
              prefixes: [ 10.\(number).0.0/16 ]
              http-base: \(Self.replicationPointBase(number))
              \(clients)
              router-socket: \(node.path("router.sock"))
              control-socket: \(node.path("replication-point.sock"))

            """)
    }

    private static let upstreamInterface = "{ pim: { hello-interval: 5s } }"

    /// The `router:` section; the plan's interfaces come beside those of the topology, or in their place.
    private func router(_ node: Node, interfaces: [String: String]) -> String {
        let all = interfaces.merging(plan.interfaces[node.name] ?? [:]) { $1 }.sorted { $0.key < $1.key }
        return """
            router:
              control-socket: \(node.path("router.sock"))
              keeper-socket: \(node.path("keeper.sock"))
              trusted-downstream-routers: [ \((plan.trustedDownstreamRouters[node.name] ?? []).joined(separator: ", ")) ]
              interfaces:
            \(all.map { "    \($0.key): \($0.value)" }.joined(separator: "\n"))
            """
    }
}
