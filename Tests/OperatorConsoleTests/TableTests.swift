import OperatorConsole
import Testing

@Suite struct TableTests {
    private func sample() -> Table {
        var table = Table([
            Table.Column("group"), Table.Column("packets", priority: 1, alignment: .right),
            Table.Column("remark", priority: 2),
        ])
        table.append(["(10.0.0.1,232.1.1.1)", "7", "first"])
        table.append(["(10.0.0.1,232.1.1.2)", "1234", "second"])
        return table
    }

    @Test func `columns are aligned and lines carry no trailing spaces`() {
        #expect(
            sample().lines(on: .plain) == [
                "GROUP                 PACKETS  REMARK",
                "(10.0.0.1,232.1.1.1)        7  first",
                "(10.0.0.1,232.1.1.2)     1234  second",
            ])
    }

    @Test(arguments: [(37, 3), (36, 2), (29, 2), (28, 2), (27, 1), (5, 1)])
    func `what does not fit is dropped, least important column first`(_ width: Int, _ columns: Int) {
        let heading = sample().lines(on: Terminal(width: width, hasColour: false)).first ?? ""
        #expect(heading.split(separator: " ").count == columns)
    }

    @Test func `a wide column that does not fit leaves its place to narrow ones`() {
        var table = sample()
        table.append(["(10.0.0.1,232.1.1.3)", "\(String(repeating: "9", count: 40))", ""])
        let heading = table.lines(on: Terminal(width: 40, hasColour: false)).first
        #expect(heading == "GROUP                 REMARK")
    }

    @Test func `a column that nobody fills is left out`() {
        var table = Table([Table.Column("name"), Table.Column("bridge port", priority: 3)])
        table.append(["eth0", ""])
        #expect(table.lines(on: .plain) == ["NAME", "eth0"])
    }

    @Test func `colours stand outside the padding`() {
        var table = Table([Table.Column("verdict"), Table.Column("host")])
        table.append([Table.Cell("admitted", .good), "10.3.0.7"])
        #expect(table.lines(on: Terminal(width: 80, hasColour: true)).last == "\u{1B}[32madmitted\u{1B}[0m  10.3.0.7")
    }

    @Test func `control characters from the network never reach the terminal`() {
        var table = Table([Table.Column("name")])
        table.append(["a\u{1B}[2Jb\nc"])
        #expect(table.lines(on: .plain).last == "a\u{FFFD}[2Jb\u{FFFD}c")
    }
}
