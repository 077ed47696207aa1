import Wire

extension Configuration {
    /// What `--check` says of a file without problems, a line a section.
    package var summary: [String] {
        var lines: [String] = []
        if let router {
            let names = router.interfaces.map(\.name).joined(separator: ", ")
            lines.append("router: interfaces \(names); socket \(router.controlSocket)")
        }
        if let ottServer {
            lines.append(
                "ott-server: \(ottServer.channels.count) channels; clients \(ottServer.clientAddress), "
                    + "nodes \(ottServer.nodeAddress)")
        }
        if let liveProxy {
            let pools = liveProxy.pools.map { "\($0.name) \($0.groups)" }.joined(separator: ", ")
            lines.append(
                "live-proxy: \(liveProxy.address) for \(liveProxy.prefixes.map(\.description).joined(separator: ", ")); "
                    + "pools \(pools)")
        }
        if let replicationPoint {
            lines.append(
                "replication-point: of \(replicationPoint.liveProxy) for "
                    + replicationPoint.prefixes.map(\.description).joined(separator: ", "))
        }
        return lines
    }
}
