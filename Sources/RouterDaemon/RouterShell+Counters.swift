import ControlProtocol
import ControlSocket
import LinuxIO
import MulticastRouting
import Wire

extension RouterShell {
    /// The engine's counters with the shell's own behind them.
    func countersDocument() -> CountersDocument {
        var document = engine.countersDocument()
        document.router += [
            ("unreadable-messages", counters.unreadableMessages), ("send-failures", counters.sendFailures),
            ("table-read-failures", counters.tableReadFailures), ("lookup-failures", counters.lookupFailures),
            ("resynchronizations", counters.resynchronizations), ("refused-reloads", counters.refusedReloads),
            ("unreadable-sockets", igmpPackets.failures &+ pimPackets.failures),
            ("suppressed-log-lines", log.suppressed),
        ].map { NamedCount(name: $0.0, count: $0.1) }
        document.router += control?.counters.named ?? []
        return document
    }

    /// The engine's interfaces with the kernel's numbers of their virtual ones.
    func interfacesDocument(at time: RouterTime) -> InterfacesDocument {
        var document = engine.interfacesDocument(at: time)
        for place in document.interfaces.indices {
            guard let index = document.interfaces[place].index else { continue }
            document.interfaces[place].vif = plane.number(of: InterfaceIndex(index)).map { Int($0.rawValue) }
        }
        return document
    }
}
