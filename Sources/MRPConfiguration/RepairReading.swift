import Clockwork
import ControlProtocol

extension RepairConfiguration {
    init(reading section: inout SectionReader) {
        fec = section.section("fec") { FECConfiguration(reading: &$0) }
    }
}

extension FECConfiguration {
    init?(reading section: inout SectionReader) {
        latency = section.value(
            "latency", .duration(.milliseconds(20)...(.seconds(10))), default: .milliseconds(500))
        let columns = section.optional("columns", .integer(FECMatrix.columnRange))
        let rows = section.optional("rows", .integer(FECMatrix.rowRange))
        let isTwoDimensional = section.value("two-dimensional", .flag, default: true)
        guard let columns, let rows else {
            if section.has("columns") != section.has("rows") {
                section.problem(
                    "\(section.path): \"columns\" and \"rows\" go together; without both, the matrix follows from the "
                        + "bit rate and the latency", at: columns == nil ? "rows" : "columns")
            }
            return
        }
        do throws(FECMatrixError) {
            matrix = try FECMatrix(columns: columns, rows: rows, isTwoDimensional: isTwoDimensional)
        } catch {
            section.problem("\(section.path): \(error)", at: "columns")
        }
    }
}
