import CSystemShims
import Glibc
import LinuxIO
import Testing

/// The other end of a notify socket, as systemd holds it.
struct FakeManager: ~Copyable {
    let path = "@mrp-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
    let socket: FileDescriptor

    init() throws {
        let opened = try FileDescriptor.socket(family: AF_UNIX, type: CInt(SOCK_DGRAM.rawValue))
        #expect(mrp_unix_bind(opened.number, path) == 0)
        socket = opened
    }
}

struct ServiceManagerTests {
    @Test func `without a manager there is none to notify`() throws {
        let manager = try ServiceManager { _ in nil }
        let isAbsent = manager == nil
        #expect(isAbsent)
    }

    @Test func `notifications arrive as one message of lines`() throws {
        let fake = try FakeManager()
        let manager = try ServiceManager(path: fake.path)
        try manager.notify("READY=1", "STATUS=3 groups")
        #expect(try fake.socket.receive(upTo: 200).message == Array("READY=1\nSTATUS=3 groups".utf8))
    }

    @Test func `a stored descriptor is the same open file, and is kept without polling`() throws {
        let fake = try FakeManager()
        let manager = try ServiceManager(path: fake.path)
        let pipe = try Pipe()
        try manager.store(pipe.writeEnd, name: "mroute4")
        let (message, descriptors) = try fake.socket.receive(upTo: 200)
        #expect(message == Array("FDSTORE=1\nFDPOLL=0\nFDNAME=mroute4".utf8))
        let kept = try #require(descriptors.first)
        #expect(descriptors.count == 1)
        _ = try kept.descriptor.write([5])
        #expect(try pipe.readEnd.read(upTo: 10) == [5])
        try manager.removeStored(name: "mroute4")
        #expect(try fake.socket.receive(upTo: 200).message == Array("FDSTOREREMOVE=1\nFDNAME=mroute4".utf8))
    }

    @Test func `handed-over descriptors come with their names`() throws {
        let pipe = try Pipe()
        // A number no other test can have taken.
        #expect(dup2(pipe.writeEnd.number, 900) == 900)
        let variables = ["LISTEN_PID": "\(getpid())", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "mroute4"]
        let taken = ServiceManager.takeDescriptors({ variables[$0] }, first: 900)
        #expect(taken.map(\.name) == ["mroute4"])
        let first = try #require(taken.first)
        _ = try first.descriptor.descriptor.write([6])
        #expect(try pipe.readEnd.read(upTo: 10) == [6])
    }

    @Test(arguments: [
        ["LISTEN_PID": "1", "LISTEN_FDS": "1"],
        ["LISTEN_PID": "\(getpid())", "LISTEN_FDS": "-1"],
        ["LISTEN_PID": "\(getpid())", "LISTEN_FDS": "many"],
        [:],
    ])
    func `descriptors meant for somebody else or miscounted are not taken`(_ variables: [String: String]) {
        #expect(ServiceManager.takeDescriptors({ variables[$0] }, first: 901).isEmpty)
    }

    @Test func `the watchdog's timeout counts only for the process it names`() {
        let mine = ["WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "\(getpid())"]
        let other = ["WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "\(getpid() + 1)"]
        #expect(ServiceManager.watchdogTimeout { mine[$0] } == .seconds(10))
        #expect(ServiceManager.watchdogTimeout { other[$0] } == nil)
    }
}

struct ProcessTests {
    @Test func `dropped capabilities are gone, kept ones stay`() throws {
        // A thread of its own, which takes the loss with it.
        let thread = try SystemThread(name: "capabilities") {
            do {
                let before = try Privileges.effective()
                try Privileges.keepOnly([.networkAdministration, .rawSockets])
                let after = try Privileges.effective()
                #expect(after == before.intersection([.networkAdministration, .rawSockets]))
            } catch {
                Issue.record(error)
            }
        }
        thread.join()
    }

    @Test(.enabled(if: (try? Privileges.effective().contains(.systemAdministration)) == true, "needs CAP_SYS_ADMIN"))
    func `a thread enters a namespace of its own and another finds it by descriptor`() throws {
        let thread = try SystemThread(name: "namespace") {
            do throws(SystemError) {
                let outside = if_nametoindex("lo")
                try NetworkNamespace.enterNew()
                let inside = try NetworkNamespace.current()
                #expect(if_nametoindex("lo") == 1)
                let home = try NetworkNamespace.open("/proc/self/ns/net")
                try NetworkNamespace.enter(home)
                #expect(if_nametoindex("lo") == outside)
                try NetworkNamespace.enter(inside)
            } catch {
                Issue.record(error)
            }
        }
        thread.join()
    }

    @Test func `a full set of descriptors passes and one more is refused`() throws {
        var pair: [CInt] = [-1, -1]
        #expect(socketpair(AF_UNIX, CInt(SOCK_SEQPACKET.rawValue), 0, &pair) == 0)
        let one = FileDescriptor(owning: pair[0])
        let other = FileDescriptor(owning: pair[1])
        let full = [CInt](repeating: one.number, count: FileDescriptor.descriptorsPerMessage)
        try one.send([1], passing: full)
        #expect(try other.receive(upTo: 10).descriptors.count == full.count)
        #expect(throws: SystemError(call: "sendmsg", errno: E2BIG)) { try one.send([1], passing: full + [0]) }
    }
}
