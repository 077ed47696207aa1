import CSystemShims
import Glibc

/// Network namespaces of single threads: a socket stays in the namespace of the thread that opened it.
package enum NetworkNamespace {
    /// Moves this thread into a new, empty namespace, which lives as long as a thread, a socket or a file of it.
    package static func enterNew() throws(SystemError) {
        try shimCall("unshare") { mrp_unshare_network() }
    }

    /// This thread's namespace, to enter from another thread.
    package static func current() throws(SystemError) -> FileDescriptor {
        try open("/proc/thread-self/ns/net")
    }

    /// Opens a named namespace, such as `/run/netns/NAME` or `/proc/PID/ns/net`.
    package static func open(_ path: String) throws(SystemError) -> FileDescriptor {
        FileDescriptor(owning: try systemCall("open") { Glibc.open(path, O_RDONLY | O_CLOEXEC) })
    }

    /// Moves this thread into `namespace`.
    package static func enter(_ namespace: borrowing FileDescriptor) throws(SystemError) {
        let number = namespace.number
        try shimCall("setns") { mrp_enter_network_namespace(number) }
    }
}
