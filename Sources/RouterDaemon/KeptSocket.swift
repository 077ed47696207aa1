import KernelMulticast
import LinuxIO

/// The routing socket's second holder, so that the kernel goes on forwarding while this program is dead: a keeper
/// process, systemd's fd store, or nobody.
final class KeptSocket {
    private let keeper: FileDescriptorKeeper?
    private let name: String
    private let log: EventLog

    init(keeperPath: String?, table: UInt32, log: EventLog) {
        name = "mroute-ipv4-\(table)"
        self.log = log
        // What systemd hands over is taken once, and also where a keeper is configured: nothing else may own it.
        let handedOver = ServiceManager.takeDescriptors()
        if let keeperPath {
            keeper = FileDescriptorKeeper(keeperAt: keeperPath)
        } else if let notifyPath = ServiceManager.environment("NOTIFY_SOCKET") {
            keeper = FileDescriptorKeeper(notifyPath: notifyPath, handedOver: handedOver)
        } else {
            keeper = nil
        }
    }

    /// Whether somebody holds the socket beside us, as far as we know.
    private(set) var isHeld = false

    /// The socket of an earlier life, if one is kept.
    func fetch() -> SharedDescriptor? {
        guard let keeper else { return nil }
        do throws(FileDescriptorKeeper.Failure) {
            let kept = try keeper.fetch(name: name)
            isHeld = kept != nil
            return kept
        } catch {
            log.write(.warning, "keeper-unreachable", "\(error); a restart will interrupt forwarding")
            return nil
        }
    }

    /// Gives the socket to the keeper unless it has it.
    func store(_ descriptor: borrowing FileDescriptor) {
        guard let keeper, !isHeld else { return }
        do throws(FileDescriptorKeeper.Failure) {
            try keeper.store(descriptor, name: name)
            isHeld = true
        } catch {
            log.write(.warning, "keeper-unreachable", "\(error); a restart will interrupt forwarding")
        }
    }

    /// A keeper that was restarted has lost what it kept; it is given it again.
    func renew(_ descriptor: borrowing FileDescriptor) {
        guard let keeper else { return }
        // An answer that does not name the socket and no answer at all are the same: it is not held.
        isHeld = (try? keeper.names().contains(name)) == true
        store(descriptor)
    }

    /// Ends the holding, so that forwarding ends with this program.
    func remove() {
        guard let keeper, isHeld else { return }
        try? keeper.remove(name: name)
        isHeld = false
    }
}
