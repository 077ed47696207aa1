import KernelMulticast
import LinuxIO
import MulticastRouting
import Wire

extension RouterShell {
    func receiveRoutingMessages() {
        igmpPackets.receive(from: plane.socket.descriptor) { batch, index in
            do throws(RoutingMessageError) {
                switch try MulticastRoutingSocket.message(at: index, of: batch) {
                case .upcall(let upcall): note(upcall)
                case .packet(let interface):
                    takePacket { engine, time, actions in
                        engine.receiveIGMP(batch.bytes(at: index), on: interface, at: time, into: &actions)
                    }
                }
            } catch {
                counters.unreadableMessages &+= 1
            }
        }
    }

    func receivePIM() {
        pimPackets.receive(from: pimSocket.descriptor) { batch, index in
            guard let interface = batch.information(at: index).interface else {
                counters.unreadableMessages &+= 1
                return
            }
            takePacket { engine, time, actions in
                engine.receivePIM(batch.bytes(at: index), on: interface, at: time, into: &actions)
            }
        }
    }

    private func note(_ upcall: Upcall) {
        guard let interface = plane.interface(of: upcall.virtualInterface) else {
            counters.unreadableMessages &+= 1
            return
        }
        let tree = SourceGroup(source: .v4(upcall.source), group: .v4(upcall.group))
        switch upcall.kind {
        case .noEntry: take(.upcall(.noEntry(tree, interface)))
        case .wrongInterface: take(.upcall(.wrongInterface(tree, interface)))
        // Only a register interface causes these, and there is none.
        case .wholePacket, .wrongInterfaceWholePacket: counters.unreadableMessages &+= 1
        }
    }

    func send(_ message: [UInt8], to destination: IPv4Address, on interface: InterfaceIndex) {
        do throws(SystemError) {
            try plane.socket.send(message, to: destination, on: interface, from: links.primaryAddress(of: interface))
        } catch {
            noteSendFailure(error, on: interface)
        }
    }

    func sendPIM(_ message: [UInt8], to destination: IPv4Address, on interface: InterfaceIndex) {
        do throws(SystemError) {
            try pimSocket.send(message, to: destination, on: interface, from: links.primaryAddress(of: interface))
        } catch {
            noteSendFailure(error, on: interface)
        }
    }

    /// Whatever was to be said is said again by the protocols' own timers.
    private func noteSendFailure(_ error: SystemError, on interface: InterfaceIndex) {
        counters.sendFailures &+= 1
        log.write(.warning, "send-failed", "\(links.name(of: interface) ?? "\(interface)"): \(error)")
    }
}
