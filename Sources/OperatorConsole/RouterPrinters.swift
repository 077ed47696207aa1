import Clockwork
import ControlProtocol
import Wire

/// The router's documents for people.
package enum RouterPrinters {
    /// A line a port, and under it nothing: hosts are in columns of their own, first line of each port.
    package static func lines(_ document: GroupsDocument, on terminal: Terminal) -> [String] {
        var table = Table([
            .init("group"), .init("source"), .init("port"), .init("mode", priority: 4), .init("version", priority: 5),
            .init("up", priority: 7, alignment: .right), .init("expire", priority: 3, alignment: .right),
            .init("host", priority: 1), .init("subscriber", priority: 2), .init("verdict"),
            .init("mfc", priority: 1), .init("packets", priority: 6, alignment: .right),
        ])
        for group in document.groups {
            for port in group.ports { append(port, of: group, to: &table) }
            if group.ports.isEmpty {
                table.append(["\(group.group)", source(group.source), "-"])
            }
        }
        return document.groups.isEmpty ? ["no groups"] : table.lines(on: terminal)
    }

    private static func append(_ port: GroupPort, of group: GroupEntry, to table: inout Table) {
        let head: [Table.Cell] = [
            "\(group.group)", source(group.source), Table.Cell(Words.port(port.interface, port.bridgePort)),
            Table.Cell(port.filterMode ?? port.origin), Table.Cell(port.version ?? port.origin),
            Table.Cell(Words.duration(seconds: port.upTime)), Table.Cell(Words.duration(port.expire)),
        ]
        let tail: [Table.Cell] = [
            port.forwarding ? Table.Cell("yes", .good) : Table.Cell("no", .doubtful),
            Table.Cell(Words.count(group.packets)),
        ]
        if port.hosts.isEmpty { table.append(head + ["", "", Table.Cell(port.origin)] + tail) }
        for host in port.hosts {
            let hostCells: [Table.Cell] = [
                Table.Cell(host.hostAddress.description + (host.leaving ? " (leaving)" : "")),
                Table.Cell(host.subscriber ?? ""), verdict(host.verdict, host.reason),
            ]
            table.append(head + hostCells + tail)
        }
    }

    private static func source(_ source: IPAddress?) -> Table.Cell { Table.Cell(source?.description ?? "*") }

    private static func verdict(_ verdict: String, _ reason: String) -> Table.Cell {
        verdict == "admitted" ? Table.Cell("admitted", .good) : Table.Cell("\(verdict): \(reason)", .bad)
    }

    package static func lines(_ document: RouterSubscribersDocument, on terminal: Terminal) -> [String] {
        var table = Table([
            .init("subscriber"), .init("group"), .init("source", priority: 3), .init("state"),
            .init("port", priority: 1), .init("host", priority: 2), .init("expire", alignment: .right),
            .init("owner", priority: 4), .init("label", priority: 5), .init("binding", priority: 6),
        ])
        for entry in document.authorizations {
            let ports = entry.memberships.map { Words.port($0.interface, $0.bridgePort) }.joined(separator: ",")
            let hosts = Words.addresses(entry.memberships.map(\.hostAddress))
            table.append([
                Table.Cell(entry.subscriber), "\(entry.group)", source(entry.source), state(entry.state),
                Table.Cell(ports), Table.Cell(hosts), Table.Cell(Words.duration(seconds: entry.expire)),
                Table.Cell(entry.owner), Table.Cell(entry.label ?? ""), Table.Cell(Words.binding(entry.binding)),
            ])
        }
        for refused in document.refused {
            table.append([
                "-", "\(refused.group)", source(refused.source), Table.Cell("refused: \(refused.reason)", .bad),
                Table.Cell(Words.port(refused.interface, refused.bridgePort)), "\(refused.hostAddress)",
            ])
        }
        let isEmpty = document.authorizations.isEmpty && document.refused.isEmpty
        return isEmpty ? ["no authorizations and no refused memberships"] : table.lines(on: terminal)
    }

    private static func state(_ state: String) -> Table.Cell {
        switch state {
        case "member": Table.Cell(state, .good)
        case "expired": Table.Cell(state, .bad)
        default: Table.Cell(state)
        }
    }

    package static func lines(_ document: InterfacesDocument, on terminal: Terminal) -> [String] {
        var table = Table([
            .init("interface"), .init("state"), .init("addresses", priority: 3), .init("protocols", priority: 2),
            .init("admission", priority: 5), .init("vif", priority: 6, alignment: .right),
            .init("querier", priority: 4), .init("dr", priority: 7), .init("neighbors", priority: 4, alignment: .right),
            .init("groups", priority: 1, alignment: .right), .init("hosts", priority: 1, alignment: .right),
            .init("problem", priority: 1),
        ])
        for entry in document.interfaces {
            table.append([
                Table.Cell(entry.name), Table.Cell(entry.operStatus, entry.operStatus == "up" ? .good : .bad),
                Table.Cell(Words.addresses(entry.addresses)), Table.Cell(entry.protocols.joined(separator: ",")),
                Table.Cell(entry.admission ?? ""), Table.Cell(Words.count(entry.vif)),
                Table.Cell(entry.isQuerier == true ? "self" : entry.querier?.description ?? ""),
                Table.Cell(entry.designatedRouter?.description ?? ""), "\(entry.neighbors)", "\(entry.groups)",
                "\(entry.hosts)", Table.Cell(entry.problem ?? "", .bad),
            ])
        }
        return table.lines(on: terminal)
    }

    package static func lines(_ document: NeighborsDocument, on terminal: Terminal) -> [String] {
        guard !document.neighbors.isEmpty else { return ["no PIM neighbours"] }
        var table = Table([
            .init("interface"), .init("neighbor"), .init("up", priority: 2, alignment: .right),
            .init("expire", priority: 1, alignment: .right), .init("dr", priority: 3),
            .init("priority", priority: 4, alignment: .right), .init("generation", priority: 5, alignment: .right),
        ])
        for entry in document.neighbors {
            table.append([
                Table.Cell(entry.interface), "\(entry.address)", Table.Cell(Words.duration(seconds: entry.upTime)),
                Table.Cell(entry.expiration.map { Words.duration(seconds: $0) } ?? "never"),
                entry.isDesignatedRouter ? "yes" : "no", Table.Cell(Words.count(entry.drPriority)),
                Table.Cell(Words.count(entry.genId)),
            ])
        }
        return table.lines(on: terminal)
    }

    package static func lines(_ document: RoutesDocument, on terminal: Terminal) -> [String] {
        guard !document.routes.isEmpty else { return ["no forwarding entries"] }
        var table = Table([
            .init("group"), .init("source"), .init("in"), .init("out"), .init("upstream", priority: 2),
            .init("rpf neighbor", priority: 4), .init("origin", priority: 5), .init("mfc"),
            .init("packets", priority: 1, alignment: .right), .init("bytes", priority: 6, alignment: .right),
            .init("wrong-if", priority: 7, alignment: .right), .init("problem", priority: 3),
        ])
        for route in document.routes {
            let outputs = route.outgoingInterfaces.map { output in
                output.interface + (output.installed ? "" : "!")
            }
            let problems =
                [route.problem].compactMap { $0 }
                + route.outgoingInterfaces.compactMap { output in output.problem.map { "\(output.interface): \($0)" } }
            table.append([
                "\(route.group)", "\(route.source)", Table.Cell(route.incomingInterface ?? "?"),
                Table.Cell(outputs.isEmpty ? "-" : outputs.joined(separator: ",")), Table.Cell(route.upstreamState),
                Table.Cell(route.rpfNeighbor?.description ?? ""), Table.Cell(route.origin),
                route.installed ? Table.Cell("yes", .good) : Table.Cell("no", .bad),
                Table.Cell(Words.count(route.packets)), Table.Cell(Words.count(route.bytes)),
                Table.Cell(Words.count(route.wrongInterfacePackets)),
                Table.Cell(problems.joined(separator: "; "), .bad),
            ])
        }
        return table.lines(on: terminal)
    }

    /// Counters that are zero are left out.
    package static func lines(_ document: CountersDocument, on terminal: Terminal) -> [String] {
        var table = Table([.init("where"), .init("counter"), .init("count", alignment: .right)])
        for counter in document.router where counter.count > 0 {
            table.append(["router", Table.Cell(counter.name), "\(counter.count)"])
        }
        for interface in document.interfaces {
            for counter in interface.counters where counter.count > 0 {
                table.append([Table.Cell(interface.name), Table.Cell(counter.name), "\(counter.count)"])
            }
        }
        return table.rows.isEmpty ? ["all counters are zero"] : table.lines(on: terminal)
    }

    package static func lines(_ document: RouterStatusDocument, on terminal: Terminal) -> [String] {
        var lines = [
            "up \(Words.duration(seconds: document.upTime)); \(Words.counted(document.trees, "tree")), "
                + "\(document.installedEntries) in the kernel, "
                + "\(document.pendingEntries) pending; \(Words.counted(document.memberships, "membership")), "
                + "\(document.refusedMemberships) refused; \(Words.counted(document.authorizations, "authorization"))"
        ]
        if let left = document.adoptionLeft {
            lines.append("entries found at the start wait \(Words.duration(seconds: left)) more for their members")
        }
        guard !document.owners.isEmpty else { return lines + ["no owner has connected"] }
        var table = Table([
            .init("owner"), .init("connected"), .init("items", alignment: .right),
            .init("revision", priority: 1, alignment: .right), .init("epoch", priority: 2),
        ])
        for owner in document.owners {
            table.append([
                Table.Cell(owner.owner), owner.connected ? Table.Cell("yes", .good) : Table.Cell("no", .doubtful),
                "\(owner.items)", Table.Cell(Words.count(owner.revision)), Table.Cell(owner.epoch ?? ""),
            ])
        }
        return lines + table.lines(on: terminal)
    }
}
