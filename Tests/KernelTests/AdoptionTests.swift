import Foundation
import KernelMulticast
import Lab
import LinuxIO
import Netlink
import Testing
import Wire

/// A real `mrp-keeper`, which may be killed.
final class KeeperProcess {
    private let path: String
    private let child: ChildProcess
    let keeper: FileDescriptorKeeper

    init(_ name: String) throws {
        path = temporaryPath(name)
        keeper = FileDescriptorKeeper(keeperAt: path)
        child = try ChildProcess(
            name: name, command: [Programs.path("mrp-keeper"), path], logFile: URL(fileURLWithPath: path + ".log"))
        let (keeper, child) = (keeper, child)
        guard eventually(within: .seconds(10), { (try? keeper.names()) != nil }) else {
            throw LabError("mrp-keeper does not answer: \(child.log)")
        }
    }

    /// SIGKILL, and its end.
    func kill() {
        child.send(signal: SIGKILL)
        child.waitForExit(within: .seconds(5))
    }

    deinit {
        child.stop()
        unlink(path)
        unlink(path + ".log")
    }
}

@Suite(.needsNamespaces)
struct AdoptionTests {
    @Test func `killing the owner loses no packet while a keeper holds the routing socket`() throws {
        let street = try Street()
        var left = try street.viewer("left", interface: "l0")
        try street.set(outputs: [vif(1)])
        // Afterwards two processes hold the socket: the owner to be killed, and the keeper. Ours is closed.
        let (owner, keeper) = (try KeeperProcess("owner"), try KeeperProcess("keeper"))
        for process in [owner, keeper] {
            try process.keeper.store(street.routing.socket.descriptor, name: "mroute4")
        }
        street.closeRouting()
        try street.send(numbers: 0..<100)
        owner.kill()
        try street.send(numbers: 100..<200)
        #expect(try left.receive(200) == (0..<200).map { [UInt8($0)] })

        // A new router takes the table over as it is, and programs on.
        let kept = try #require(try keeper.keeper.fetch(name: "mroute4"))
        let adopted = try MulticastRoutingSocket(adopting: kept.descriptor.duplicate())
        let installed = try street.cache.virtualInterfaces()
        #expect(installed.map(\.interface) == [street.up, street.left, street.right])
        #expect(try street.cache.entries().map(\.outputs) == [[street.left]])
        try street.set(outputs: [vif(2)])
        try adopted.delete(vif(1))
        #expect(try street.cache.entries().map(\.outputs) == [[street.right]])
    }

    @Test func `with the last holder of the routing socket everything it programmed goes`() throws {
        let street = try Street()
        var left = try street.viewer("left", interface: "l0")
        try street.set(outputs: [vif(1)])
        let owner = try KeeperProcess("owner")
        try owner.keeper.store(street.routing.socket.descriptor, name: "mroute4")
        street.closeRouting()
        try street.send(numbers: 0..<10)
        #expect(try left.receive(10).count == 10)
        owner.kill()
        try street.send(numbers: 10..<20)
        #expect(try left.receiveWaiting().isEmpty)
        #expect(try street.cache.entries().isEmpty)
        #expect(try street.cache.virtualInterfaces().isEmpty)
    }
}
