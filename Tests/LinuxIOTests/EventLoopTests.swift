import Clockwork
import Glibc
import LinuxIO
import Synchronization
import Testing

/// A pipe whose both ends are owned and never block.
struct Pipe: ~Copyable {
    let readEnd: FileDescriptor
    let writeEnd: FileDescriptor

    init() throws {
        var ends: [CInt] = [-1, -1]
        try #require(pipe(&ends) == 0)
        let opened = FileDescriptor(owning: ends[0])
        try opened.setNonBlocking()
        readEnd = opened
        writeEnd = FileDescriptor(owning: ends[1])
    }
}

struct EventLoopTests {
    @Test func `a readable descriptor calls its handler and no other`() throws {
        let loop = try EventLoop()
        let quiet = try Pipe()
        let pipe = try Pipe()
        var heard: [[UInt8]] = []
        try loop.add(quiet.readEnd, .readable) { _ in Issue.record("nothing was written here") }
        let number = pipe.readEnd.number
        try loop.add(pipe.readEnd, .readable) { events in
            #expect(events.contains(.readable))
            var byte: UInt8 = 0
            while read(number, &byte, 1) == 1 { heard.append([byte]) }
            loop.stop()
        }
        _ = try pipe.writeEnd.write([7, 8])
        try loop.run()
        #expect(heard == [[7], [8]])
    }

    @Test func `a registration removed by an earlier handler of the same round is not called`() throws {
        let loop = try EventLoop()
        let first = try Pipe()
        let second = try Pipe()
        var tokens: [EventLoop.Token] = []
        var calls = 0
        let handler: (EventLoop.Events) -> Void = { _ in
            calls += 1
            for token in tokens { loop.remove(token) }
            loop.stop()
        }
        tokens.append(try loop.add(first.readEnd, .readable, handler: handler))
        tokens.append(try loop.add(second.readEnd, .readable, handler: handler))
        _ = try first.writeEnd.write([1])
        _ = try second.writeEnd.write([1])
        try loop.run()
        #expect(calls == 1)
    }

    @Test func `a slot taken over by another descriptor ignores the old token`() throws {
        let loop = try EventLoop()
        let first = try Pipe()
        let second = try Pipe()
        let stale = try loop.add(first.readEnd, .readable) { _ in Issue.record("removed before the loop ran") }
        loop.remove(stale)
        var calls = 0
        try loop.add(second.readEnd, .readable) { _ in
            calls += 1
            loop.stop()
        }
        loop.remove(stale)
        _ = try first.writeEnd.write([1])
        _ = try second.writeEnd.write([1])
        try loop.run()
        #expect(calls == 1)
    }

    @Test func `timers run in time, once a deadline, and may be moved and cleared`() throws {
        let loop = try EventLoop()
        let start = MonotonicClock.now()
        var fired: [String] = []
        let cleared = loop.makeTimer { _ in fired.append("cleared") }
        let moved = loop.makeTimer { now in
            fired.append("moved")
            #expect(now - start >= .milliseconds(5))
        }
        let last = loop.makeTimer { now in
            fired.append("last")
            #expect(now - start >= .milliseconds(15))
            loop.stop()
        }
        loop.setDeadline(cleared, start + .milliseconds(2))
        loop.setDeadline(moved, start + .milliseconds(1))
        loop.setDeadline(moved, start + .milliseconds(5))
        loop.setDeadline(last, start + .milliseconds(15))
        loop.setDeadline(cleared, nil)
        try loop.run()
        #expect(fired == ["moved", "last"])
    }

    @Test func `what a round changed is applied once, before the loop sleeps`() throws {
        let loop = try EventLoop()
        let first = try Pipe()
        let second = try Pipe()
        var pending = 0
        var applied: [Int] = []
        func countBytes(_ number: CInt) -> (EventLoop.Events) -> Void {
            { _ in
                var byte: UInt8 = 0
                while read(number, &byte, 1) == 1 { pending += 1 }
            }
        }
        try loop.add(first.readEnd, .readable, handler: countBytes(first.readEnd.number))
        try loop.add(second.readEnd, .readable, handler: countBytes(second.readEnd.number))
        loop.beforeWaiting {
            guard pending > 0 else { return }
            applied.append(pending)
            loop.stop()
        }
        _ = try first.writeEnd.write([1])
        _ = try second.writeEnd.write([1])
        try loop.run()
        #expect(applied == [2])
    }

    @Test func `values from another thread arrive in order on the loop's thread`() throws {
        let loop = try EventLoop()
        let loopThread = pthread_self()
        var received: [Int] = []
        let mailbox = loop.mailbox(limit: 1000) { (value: Int) in
            #expect(pthread_equal(pthread_self(), loopThread) != 0)
            received.append(value)
            if value == 999 { loop.stop() }
        }
        let thread = try SystemThread(name: "sender") {
            for value in 0..<1000 { mailbox.send(value) }
        }
        try loop.run()
        thread.join()
        #expect(received == Array(0..<1000))
    }

    @Test func `a full mailbox refuses and counts`() throws {
        let loop = try EventLoop()
        var received: [Int] = []
        let mailbox = loop.mailbox(limit: 2) { (value: Int) in
            received.append(value)
            loop.stop()
        }
        #expect([1, 2, 3].map { mailbox.send($0) } == [true, true, false])
        try loop.run()
        #expect(received == [1, 2])
        #expect(mailbox.refusedCount == 1)
    }

    @Test func `another thread stops a sleeping loop`() throws {
        let loop = try EventLoop()
        let remote = loop.remote
        let thread = try SystemThread(name: "stopper") { remote.stop() }
        try loop.run()
        thread.join()
    }

    @Test func `a signal becomes an event`() throws {
        let heard = Mutex<[CInt]>([])
        let thread = try SystemThread(name: "signals") {
            do {
                let loop = try EventLoop()
                try loop.onSignals([SIGHUP, SIGUSR2]) { number in
                    heard.withLock { $0.append(number) }
                    loop.stop()
                }
                pthread_kill(pthread_self(), SIGHUP)
                try loop.run()
            } catch {
                Issue.record(error)
            }
        }
        thread.join()
        #expect(heard.withLock { $0 } == [SIGHUP])
    }

    @Test func `a failed call names itself and its errno`() throws {
        let loop = try EventLoop()
        let pipe = try Pipe()
        try loop.add(pipe.readEnd, .readable) { _ in }
        #expect(throws: SystemError(call: "epoll_ctl", errno: EEXIST)) {
            try loop.add(pipe.readEnd, .readable) { _ in }
        }
    }
}
