/// Text in columns that fits the terminal: columns that do not fit are dropped, the most important are placed first.
package struct Table: Sendable {
    package struct Column: Sendable {
        package enum Alignment: Sendable { case left, right }

        package var title: String
        /// 0 is never dropped; of the others the highest goes first.
        package var priority: Int
        package var alignment: Alignment

        package init(_ title: String, priority: Int = 0, alignment: Alignment = .left) {
            self.title = title
            self.priority = priority
            self.alignment = alignment
        }
    }

    package struct Cell: Sendable, ExpressibleByStringInterpolation {
        package var text: String
        package var style: Style

        package init(_ text: String, _ style: Style = .plain) {
            self.text = text.printable
            self.style = style
        }

        package init(stringLiteral text: String) { self.init(text) }
    }

    private static let gap = 2

    package var columns: [Column]
    package private(set) var rows: [[Cell]] = []

    package init(_ columns: [Column]) {
        self.columns = columns
    }

    /// Missing cells are empty; cells beyond the last column are left out.
    package mutating func append(_ row: [Cell]) {
        rows.append((0..<columns.count).map { $0 < row.count ? row[$0] : Cell("") })
    }

    /// The lines, heading first; columns without any text are left out.
    package func lines(on terminal: Terminal) -> [String] {
        let shown = columnsThatFit(terminal.width)
        let widths = shown.map(width)
        let heading = shown.map { Cell(columns[$0].title.uppercased(), .heading) }
        return ([heading] + rows.map { row in shown.map { row[$0] } }).map { cells in
            line(cells, shown: shown, widths: widths, on: terminal)
        }
    }

    private func width(_ column: Int) -> Int {
        rows.reduce(columns[column].title.count) { max($0, $1[column].text.count) }
    }

    private func columnsThatFit(_ limit: Int?) -> [Int] {
        let filled = columns.indices.filter { column in
            columns[column].priority == 0 || rows.contains { !$0[column].text.isEmpty }
        }
        guard let limit else { return filled }
        // The most important first, of equal ones the leftmost; a wide one that does not fit leaves room for narrow ones.
        let ranked = filled.sorted { (columns[$0].priority, $0) < (columns[$1].priority, $1) }
        var room = limit + Self.gap
        let shown = ranked.filter { column in
            let needed = width(column) + Self.gap
            guard columns[column].priority == 0 || needed <= room else { return false }
            room -= needed
            return true
        }
        return shown.sorted()
    }

    private func line(_ cells: [Cell], shown: [Int], widths: [Int], on terminal: Terminal) -> String {
        var line = ""
        for (position, cell) in cells.enumerated() {
            let padding = String(repeating: " ", count: widths[position] - cell.text.count)
            let text = terminal.styled(cell.text, cell.style)
            let isLast = position == cells.count - 1
            switch columns[shown[position]].alignment {
            case .left: line += isLast ? text : text + padding
            case .right: line += padding + text
            }
            if !isLast { line += String(repeating: " ", count: Self.gap) }
        }
        while line.last == " " { line.removeLast() }
        return line
    }
}
