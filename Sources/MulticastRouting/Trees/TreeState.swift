import Clockwork
import Wire

/// What is known of one (S,G) with members, downstream routers or adopted outputs.
struct TreeState: Sendable {
    let since: Instant
    /// Ports with an admitted member, and how many there are.
    private(set) var hostPorts: [OutputPort: Int] = [:]
    /// Outputs found in the kernel at the start.
    private(set) var adopted: [InterfaceIndex: AdoptedOutput] = [:]
    /// The input interface of the entry found at the start: holds until the route to the source is known.
    var adoptedIncoming: InterfaceIndex?
    /// What owners that send this tree were told last.
    var reportedDemand = 0

    struct AdoptedOutput: Sendable, Equatable {
        /// How long it may go on without a member.
        var until: Instant
        /// The time was up, but owners who might authorize a member had not spoken yet.
        var awaitsOwners = false
    }

    init(since: Instant) {
        self.since = since
    }

    /// Sorted.
    var ports: [OutputPort] { hostPorts.keys.sorted() }
    /// Sorted.
    var adoptedInterfaces: [InterfaceIndex] { adopted.keys.sorted() }

    mutating func addMember(on port: OutputPort) { hostPorts[port, default: 0] += 1 }

    mutating func removeMember(on port: OutputPort) {
        guard let count = hostPorts[port] else { return }
        hostPorts[port] = count > 1 ? count - 1 : nil
    }

    mutating func setMembers(_ count: Int, on port: OutputPort) {
        hostPorts[port] = count == 0 ? nil : count
    }

    mutating func adopt(_ interface: InterfaceIndex, _ output: AdoptedOutput) {
        adopted[interface] = output
    }

    mutating func endAdoption(of interface: InterfaceIndex) {
        adopted[interface] = nil
    }

    var nextAdoptionEnd: Instant? { adopted.values.map(\.until).min() }
}
