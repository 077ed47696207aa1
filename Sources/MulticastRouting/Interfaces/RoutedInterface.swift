import Clockwork
import GroupMembership
import Wire

/// A configured interface that exists.
struct RoutedInterface: Sendable {
    let index: InterfaceIndex
    var configuration: RoutedInterfaceConfiguration
    var virtualInterface = VirtualInterface.absent
    /// Present from the first time that the interface was up with an address; it keeps its counters when it goes down.
    var membership: MembershipInterface?
    /// Up with an address, so that its protocols run.
    var isRunning = false

    enum VirtualInterface: Sendable, Equatable {
        case absent
        case requested
        case ready
        /// The kernel refused, or there are as many as there can be.
        case failed(String)
    }

    init(index: InterfaceIndex, configuration: RoutedInterfaceConfiguration) {
        self.index = index
        self.configuration = configuration
    }

    var canForward: Bool { virtualInterface == .ready }

    /// Why there is no virtual interface; nil where all is well.
    var problem: String? {
        if case .failed(let problem) = virtualInterface { return problem }
        return nil
    }
}

extension RoutedInterface {
    static let tooManyInterfaces = "too-many-interfaces"
}
