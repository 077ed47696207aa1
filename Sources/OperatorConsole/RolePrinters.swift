import Clockwork
import ControlProtocol
import Wire

/// The roles' documents for people.
package enum RolePrinters {
    package static func lines(_ document: ChannelsDocument, on terminal: Terminal) -> [String] {
        guard !document.channels.isEmpty else { return ["no channels"] }
        var table = Table([
            .init("channel"), .init("state"), .init("title", priority: 5),
            .init("renditions", priority: 3, alignment: .right), .init("proxy", priority: 4),
            .init("trees", priority: 1), .init("ports", priority: 2, alignment: .right),
            .init("authorized", priority: 2, alignment: .right), .init("generation", priority: 6, alignment: .right),
        ])
        for row in document.channels {
            let trees = row.resource?.trees.map(\.description).joined(separator: " ") ?? ""
            table.append([
                "\(row.channel)", Table.Cell(row.state), Table.Cell(row.title ?? ""), "\(row.renditions)",
                Table.Cell(row.proxy ?? ""), Table.Cell(trees), Table.Cell(Words.count(row.outputPorts)),
                Table.Cell(Words.count(row.authorizedSubscribers)), Table.Cell(Words.count(row.resource?.generation)),
            ])
        }
        return table.lines(on: terminal)
    }

    package static func lines(_ document: SubscribersDocument, on terminal: Terminal, now: UnixTime) -> [String] {
        guard !document.subscribers.isEmpty else { return ["no subscribers"] }
        var table = Table([
            .init("subscriber"), .init("channel"), .init("state"), .init("expire", priority: 1, alignment: .right),
            .init("binding", priority: 2),
        ])
        for row in document.subscribers {
            let binding = Table.Cell(Words.binding(row.binding))
            if row.channels.isEmpty { table.append([Table.Cell(row.subscriber), "-", "", "", binding]) }
            for channel in row.channels {
                table.append([
                    Table.Cell(row.subscriber), "\(channel.channel)", Table.Cell(channel.state),
                    Table.Cell(Words.left(until: channel.expires, now: now)), binding,
                ])
            }
        }
        return table.lines(on: terminal)
    }

    package static func lines(_ document: SessionsDocument, on terminal: Terminal, now: UnixTime) -> [String] {
        guard !document.sessions.isEmpty else { return ["no sessions"] }
        var table = Table([
            .init("kind"), .init("name"), .init("state"), .init("peer", priority: 2),
            .init("up", priority: 3, alignment: .right), .init("expire", priority: 1, alignment: .right),
            .init("detail", priority: 4),
        ])
        for row in document.sessions {
            table.append([
                Table.Cell(row.kind), Table.Cell(row.name), Table.Cell(row.state), Table.Cell(row.peer ?? ""),
                Table.Cell(row.since.map { Words.duration(seconds: (now - $0).seconds) } ?? ""),
                Table.Cell(Words.left(until: row.expires, now: now)), Table.Cell(row.detail ?? ""),
            ])
        }
        return table.lines(on: terminal)
    }

    package static func lines(_ document: FeedsDocument, on terminal: Terminal) -> [String] {
        guard !document.feeds.isEmpty else { return ["no feeds"] }
        var table = Table([
            .init("direction"), .init("peer"), .init("state"), .init("items", alignment: .right),
            .init("revision", priority: 1, alignment: .right), .init("applied", priority: 1, alignment: .right),
            .init("epoch", priority: 2),
        ])
        for row in document.feeds {
            table.append([
                Table.Cell(row.direction), Table.Cell(row.peer), Table.Cell(row.state), "\(row.items)",
                Table.Cell(Words.count(row.position?.revision)), Table.Cell(Words.count(row.applied?.revision)),
                Table.Cell(row.position?.epoch ?? ""),
            ])
        }
        return table.lines(on: terminal)
    }

    /// Counters that are zero are left out.
    package static func lines(_ document: RoleCountersDocument, on terminal: Terminal) -> [String] {
        var table = Table([.init("where"), .init("counter"), .init("count", alignment: .right)])
        for counter in document.counters where counter.count > 0 {
            table.append([Table.Cell(document.role.rawValue), Table.Cell(counter.name), "\(counter.count)"])
        }
        return table.rows.isEmpty ? ["all counters are zero"] : table.lines(on: terminal)
    }
}
