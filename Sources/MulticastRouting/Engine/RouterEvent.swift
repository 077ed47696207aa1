import ControlProtocol
import Wire

/// Something an operator may want to see happen.
package enum RouterEvent: Sendable, Equatable {
    case memberAdmitted(HostOnPort, SourceGroup, subscriber: String?, AdmissionReason)
    case memberRefused(HostOnPort, SourceGroup, RefusalReason)
    /// A member that had been admitted left, fell silent or lost its authorization.
    case memberLeft(HostOnPort, SourceGroup)
    case unicastMemberAdmitted(UnicastMember, AdmissionReason)
    case unicastMemberRefused(UnicastMember, RefusalReason)
    /// One that had been admitted was taken back by its owner or lost its authorization.
    case unicastMemberLeft(UnicastMember)
    case treeAdded(SourceGroup)
    case treeRemoved(SourceGroup)
    case entryInstalled(ForwardingEntry)
    case entryRemoved(SourceGroup)
    case entryFailed(SourceGroup, problem: String)
    /// Somebody else wrote to the kernel's table; it is put right.
    case entryDisturbed(SourceGroup)
    case streamBlocked(SourceGroup, InterfaceIndex)
    case neighborUp(InterfaceIndex, IPAddress)
    case neighborDown(InterfaceIndex, IPAddress)
    case interfaceUp(InterfaceIndex)
    case interfaceDown(InterfaceIndex)
    case interfaceProblem(InterfaceIndex, problem: String)
    case querierChanged(InterfaceIndex, IPAddress?)
    case ownerConnected(String)
    case ownerDisconnected(String)
    case ownerRefused(String, OwnerProblem)
}

/// A host where it was heard.
package struct HostOnPort: Hashable, Sendable, Comparable {
    package var host: IPAddress
    package var port: OutputPort

    package init(host: IPAddress, port: OutputPort) {
        self.host = host
        self.port = port
    }

    package static func < (left: HostOnPort, right: HostOnPort) -> Bool {
        (left.port, left.host) < (right.port, right.host)
    }
}
