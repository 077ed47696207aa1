import ControlProtocol
import Testing

@Suite struct RevisionLedgerTests {
    @Test func `the newest value that a revision reflects is taken once`() {
        var ledger = RevisionLedger<Int>()
        ledger.note(10, at: 1)
        ledger.note(11, at: 1)
        ledger.note(12, at: 3)
        #expect(ledger.take(through: 0) == nil)
        #expect(ledger.take(through: 2) == 11)
        #expect(ledger.take(through: 2) == nil)
        #expect(ledger.take(through: 9) == 12)
        #expect(ledger.isEmpty)
    }

    @Test func `beyond its limit it acknowledges late, never early`() {
        var ledger = RevisionLedger<UInt64>()
        let last = UInt64(RevisionLedger<UInt64>.maximumNotes) + 10
        for revision in 1...last { ledger.note(revision, at: revision) }
        #expect(ledger.take(through: 10) == nil)
        #expect(ledger.take(through: 11) == 11)
        #expect(ledger.take(through: last) == last)
    }
}
