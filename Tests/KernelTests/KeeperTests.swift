import CSystemShims
import Glibc
import KernelMulticast
import LinuxIO
import Testing

func temporaryPath(_ name: String) -> String {
    "/tmp/mrp-\(getpid())-\(UInt32.random(in: 0...UInt32.max))-\(name)"
}

/// Runs `body` beside a keeper that serves on a thread of its own.
func withKeeper(_ body: (FileDescriptorKeeper, String) throws -> Void) throws {
    let path = temporaryPath("keeper")
    let started = try Handover<LoopRemote>()
    let thread = try SystemThread(name: "keeper") {
        do {
            let loop = try EventLoop()
            let server = try KeeperServer(path: path, on: loop)
            try started.put(loop.remote)
            try withExtendedLifetime(server) { try loop.run() }
        } catch {
            Issue.record(error)
        }
    }
    let remote = try started.take()
    let result = Result { try body(FileDescriptorKeeper(keeperAt: path), path) }
    remote.stop()
    thread.join()
    try result.get()
}

/// A pipe to write to, whose other end says whether the open file is the same.
struct Probe: ~Copyable {
    let readEnd: FileDescriptor
    let writeEnd: FileDescriptor

    init() throws {
        var ends: [CInt] = [-1, -1]
        try #require(pipe(&ends) == 0)
        readEnd = FileDescriptor(owning: ends[0])
        writeEnd = FileDescriptor(owning: ends[1])
    }

    func isOther(_ kept: SharedDescriptor) throws -> Bool {
        _ = try kept.descriptor.write([0x2A])
        return try readEnd.read(upTo: 1) == [0x2A]
    }
}

struct KeeperTests {
    @Test func `what is stored comes back as the same open file, as often as asked`() throws {
        try withKeeper { keeper, _ in
            let probe = try Probe()
            try keeper.store(probe.writeEnd, name: "mroute4")
            for _ in 1...2 {
                let kept = try #require(try keeper.fetch(name: "mroute4"))
                let isSame = try probe.isOther(kept)
                #expect(isSame)
            }
            #expect(try keeper.names() == ["mroute4"])
        }
    }

    @Test func `a name stored again replaces, and a removed one is gone`() throws {
        try withKeeper { keeper, _ in
            let first = try Probe()
            let second = try Probe()
            try keeper.store(first.writeEnd, name: "pim")
            try keeper.store(second.writeEnd, name: "pim")
            let kept = try #require(try keeper.fetch(name: "pim"))
            let isSecond = try second.isOther(kept)
            #expect(isSecond)
            try keeper.remove(name: "pim")
            try keeper.remove(name: "pim")
            #expect(try keeper.fetch(name: "pim") == nil)
        }
    }

    @Test func `a full keeper refuses a new name and still replaces an old one`() throws {
        try withKeeper { keeper, _ in
            let probe = try Probe()
            for number in 0..<KeeperServer.descriptorLimit {
                let name = String(repeating: "n", count: 60) + "\(number + 1000)"
                try keeper.store(probe.writeEnd, name: name)
            }
            #expect(throws: FileDescriptorKeeper.Failure.refused(.full)) {
                try keeper.store(probe.writeEnd, name: "one-more")
            }
            #expect(try keeper.names().count == KeeperServer.descriptorLimit)
            try keeper.store(probe.writeEnd, name: String(repeating: "n", count: 60) + "1000")
        }
    }

    @Test(arguments: ["", "with space", "é", String(repeating: "x", count: 65), "a/b"])
    func `a bad name is refused`(_ name: String) throws {
        try withKeeper { keeper, _ in
            #expect(throws: FileDescriptorKeeper.Failure.self) { try keeper.fetch(name: name) }
        }
    }

    @Test(arguments: [("store x", "refused no-descriptor"), ("steal x", "refused bad-request"), ("list", "ok")])
    func `a request is answered, whatever it says`(_ request: String, _ answer: String) throws {
        try withKeeper { _, path in
            let connection = try UnixSocket.connect(to: path, kind: .sequencedPackets)
            try connection.send(Array(request.utf8))
            try connection.waitUntilReadable(milliseconds: 2000)
            #expect(try connection.receive(upTo: 100).message == Array(answer.utf8))
        }
    }

    @Test func `without a keeper the error says so`() {
        let keeper = FileDescriptorKeeper(keeperAt: temporaryPath("nobody"))
        #expect(throws: FileDescriptorKeeper.Failure.system(SystemError(call: "connect", errno: ENOENT))) {
            try keeper.fetch(name: "mroute4")
        }
    }

    @Test func `the service manager's store is told to replace and not to poll`() throws {
        let manager = try FileDescriptor.socket(family: AF_UNIX, type: CInt(SOCK_DGRAM.rawValue))
        let path = "@mrp-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        #expect(mrp_unix_bind(manager.number, path) == 0)
        let probe = try Probe()
        let handedOver = SharedDescriptor(try probe.writeEnd.duplicate())
        let keeper = FileDescriptorKeeper(notifyPath: path, handedOver: [("mroute4", handedOver)])
        #expect(try keeper.fetch(name: "mroute4") === handedOver)
        #expect(try keeper.fetch(name: "pim") == nil)
        try keeper.store(probe.writeEnd, name: "mroute4")
        #expect(try manager.receive(upTo: 100).message == Array("FDSTOREREMOVE=1\nFDNAME=mroute4".utf8))
        #expect(try manager.receive(upTo: 100).message == Array("FDSTORE=1\nFDPOLL=0\nFDNAME=mroute4".utf8))
    }
}
