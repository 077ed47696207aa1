import Clockwork
import Glibc
import LinuxIO
import LiveProxy
import MediaFixtures
import MediaIO
import RTP
import Testing
import Wire

@Suite(.serialized) struct RenditionJournalTests {
    private let path = "/tmp/rendition-journal-\(getpid())"

    private func output(_ port: UInt16) -> RenditionOutput {
        RenditionOutput(
            source: .v4(IPv4Address(127, 0, 0, 1)), group: .v4(IPv4Address(239, 9, 9, 9)), port: port,
            interface: InterfaceIndex(if_nametoindex("lo")))
    }

    private func contents(_ path: String) throws -> [UInt8] {
        let number = open(path, O_RDONLY | O_CLOEXEC)
        try #require(number >= 0)
        let file = FileDescriptor(owning: number)
        var all: [UInt8] = []
        while true {
            let part = try file.read(upTo: 1 << 20)
            if part.isEmpty { return all }
            all += part
        }
    }

    private func write(_ bytes: [UInt8], to path: String) throws {
        let number = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        try #require(number >= 0)
        let file = FileDescriptor(owning: number)
        _ = try file.write(bytes[...])
    }

    @Test func `at any moment the file tells where a killed sender's successor must go on`() throws {
        let copy = path + ".copy"
        defer {
            unlink(path)
            unlink(copy)
        }
        let sender = try MediaSender(journal: RenditionJournal(file: path, capacity: 4))
        defer { sender.stop() }
        var source = StreamGenerator()
        source.packetsPerReference = 133
        let start = RenditionState(ssrc: 4, sequence: 65_400, timestampOffset: 9)
        let id = try sender.add(output(5100), continuing: start, journalKey: "p/c/720p")
        _ = sender.append(source.segment(references: 25), to: id, duration: .seconds(1))
        var distances: [Int] = []
        let end = MonotonicClock.now() + .seconds(1)
        while MonotonicClock.now() < end {
            let sentBefore = Int(try #require(try sender.allReports()[id]).transmission.packets)
            // The file as a crash at this moment would leave it.
            try write(try contents(path), to: copy)
            let sentAfter = Int(try #require(try sender.allReports()[id]).transmission.packets)
            let state = try RenditionJournal(file: copy, capacity: 4).state(of: "p/c/720p")
            guard sentBefore > 0 else { continue }
            let found = try #require(state)
            #expect(found.ssrc == 4 && found.timestampOffset == 9)
            let distance = found.sequence.sequenceDistance(from: start.sequence)
            #expect(distance >= sentBefore && distance <= sentAfter + 2 * RenditionPacer.packetsPerTrain)
            distances.append(distance)
        }
        #expect(Set(distances).count > 3 && distances == distances.sorted())
    }

    @Test func `a stop keeps the continuation, a removal forgets it`() throws {
        defer { unlink(path) }
        var source = StreamGenerator()
        do {
            let sender = try MediaSender(journal: RenditionJournal(file: path, capacity: 4))
            let kept = try sender.add(output(5100), continuing: freshState(1), journalKey: "kept")
            let gone = try sender.add(output(5102), continuing: freshState(2), journalKey: "gone")
            let segment = source.segment(references: 3)
            for id in [kept, gone] { _ = sender.append(segment, to: id, duration: .milliseconds(120)) }
            let last = try #require(try sender.removed(gone))
            #expect(last.isJournalled)
            sender.stop()
        }
        let journal = try RenditionJournal(file: path, capacity: 4)
        #expect(journal.state(of: "kept")?.ssrc == freshState(1).ssrc)
        #expect(journal.state(of: "gone") == nil && journal.state(of: "never") == nil)
    }

    @Test func `a full journal, and a key too long, leave renditions without one and say so`() throws {
        defer { unlink(path) }
        let sender = try MediaSender(journal: RenditionJournal(file: path, capacity: 1))
        defer { sender.stop() }
        let first = try sender.add(output(5100), continuing: freshState(), journalKey: "first")
        let second = try sender.add(output(5102), continuing: freshState(), journalKey: "second")
        let long = try sender.add(
            output(5104), continuing: freshState(), journalKey: String(repeating: "k", count: 241))
        let reports = try sender.allReports()
        #expect([first, second, long].map { reports[$0]?.isJournalled } == [true, false, false])
        _ = try sender.removed(first)
        let third = try sender.add(output(5106), continuing: freshState(), journalKey: "third")
        #expect(try sender.allReports()[third]?.isJournalled == true)
    }

    @Test func `a journal belongs to one process`() throws {
        defer { unlink(path) }
        let journal = try RenditionJournal(file: path)
        #expect(throws: SystemError(call: "flock", errno: EWOULDBLOCK)) { try RenditionJournal(file: path) }
        withExtendedLifetime(journal) {}
    }

    @Test func `a file that is no journal, or a damaged one, is begun anew`() throws {
        defer { unlink(path) }
        var chance = SeededGenerator(seed: 3)
        for _ in 0..<20 {
            var bytes = (0..<20_000).map { _ in UInt8.random(in: .min ... .max, using: &chance) }
            if Bool.random(using: &chance) { bytes.replaceSubrange(0..<16, with: Array("mrp renditions 1".utf8)) }
            try write(bytes, to: path)
            let journal = try RenditionJournal(file: path, capacity: 8)
            #expect(journal.state(of: "p/c/720p") == nil)
        }
    }
}
