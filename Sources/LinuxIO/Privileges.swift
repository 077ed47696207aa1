import CSystemShims
import Glibc

/// Linux capabilities this project uses or drops (capabilities(7)), with the kernel's numbers.
package struct Capabilities: OptionSet, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    package static let networkAdministration = Capabilities(rawValue: 1 << 12)
    package static let rawSockets = Capabilities(rawValue: 1 << 13)
    package static let systemAdministration = Capabilities(rawValue: 1 << 21)
}

/// What a process gives up at its start. Call these before the first thread: Linux keeps capabilities per thread.
package enum Privileges {
    /// Drops every capability outside `kept` for good, also over exec (PR_SET_NO_NEW_PRIVS).
    package static func keepOnly(_ kept: Capabilities) throws(SystemError) {
        try shimCall("capset") { mrp_keep_capabilities(kept.rawValue) }
    }

    /// What this thread may do now.
    package static func effective() throws(SystemError) -> Capabilities {
        var effective: UInt64 = 0
        try shimCall("capget") { mrp_effective_capabilities(&effective) }
        return Capabilities(rawValue: effective)
    }

    /// A reader that went away becomes EPIPE for the writer, never a signal that ends the process.
    package static func ignoreBrokenPipes() {
        _ = signal(SIGPIPE, SIG_IGN)
    }

    /// The kernel sends `number` to this process when the thread that started it ends.
    package static func dieWithParent(signal number: CInt = SIGKILL) throws(SystemError) {
        try shimCall("prctl") { mrp_set_parent_death_signal(number) }
    }
}
