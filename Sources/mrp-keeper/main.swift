import ArgumentParser
import Glibc
import KernelMulticast
import LinuxIO

/// Where there is no systemd to keep the router's sockets, this process does.
struct Keeper: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mrp-keeper",
        abstract: "Holds the multicast router's kernel sockets while the router restarts.",
        discussion: """
            The kernel forwards multicast as long as somebody holds the routing socket. mrp-router hands this process \
            a duplicate and takes it back after a restart. Ending mrp-keeper while no router runs ends forwarding.
            """)

    @Argument(help: "The path of the Unix socket to listen on; it is made for this user alone.")
    var socket: String

    func run() throws {
        let loop = try EventLoop()
        try loop.onSignals([SIGTERM, SIGINT]) { _ in loop.stop() }
        let server = try KeeperServer(path: socket, on: loop)
        // Holding descriptors needs no privilege, whoever started this.
        try Privileges.keepOnly([])
        try withExtendedLifetime(server) { try loop.run() }
    }
}

Keeper.main()
