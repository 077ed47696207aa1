import Clockwork
import ControlProtocol
import Repair
import Testing

@Suite struct FECMatrixTests {
    @Test func `a matrix outside the standard's bounds is refused by name`() {
        #expect(throws: FECMatrixError.columns(0)) { try FECMatrix(columns: 0, rows: 4, isTwoDimensional: false) }
        #expect(throws: FECMatrixError.columns(21)) { try FECMatrix(columns: 21, rows: 4, isTwoDimensional: true) }
        #expect(throws: FECMatrixError.rows(3)) { try FECMatrix(columns: 5, rows: 3, isTwoDimensional: true) }
        #expect(throws: FECMatrixError.rows(21)) { try FECMatrix(columns: 4, rows: 21, isTwoDimensional: true) }
        #expect(throws: FECMatrixError.tooManyPackets(110)) {
            try FECMatrix(columns: 11, rows: 10, isTwoDimensional: true)
        }
        #expect(throws: FECMatrixError.tooNarrowForRows(3)) {
            try FECMatrix(columns: 3, rows: 4, isTwoDimensional: true)
        }
    }

    @Test(arguments: [
        (5_000_000, 500, 10, 10, true), (20_000_000, 500, 10, 10, true), (1_000_000, 500, 5, 4, true),
        (2_500_000, 500, 8, 7, true), (5_000_000, 150, 7, 5, true), (1_000_000, 300, 3, 4, false),
    ])
    func `the matrix follows from bit rate and latency`(
        _ rate: Int, _ milliseconds: Int, _ columns: Int, _ rows: Int, _ both: Bool
    ) throws {
        let latency = Duration.milliseconds(milliseconds)
        let chosen = try #require(FECMatrix.fitting(bitRate: rate, latency: latency))
        #expect(chosen == (try matrix(columns, rows, twoDimensional: both)))
        #expect(chosen.repairDelay(bitRate: rate) <= latency)
    }

    @Test func `where not even four packets fit there is no matrix`() {
        #expect(FECMatrix.fitting(bitRate: 100_000, latency: .milliseconds(500)) == nil)
        #expect(FECMatrix.fitting(bitRate: 0, latency: .seconds(1)) == nil)
        #expect(FECMatrix.fitting(bitRate: 5_000_000, latency: .zero) == nil)
        #expect(FECMatrix.fitting(bitRate: .max, latency: .seconds(1_000_000)) == (try? matrix(10, 10)))
    }

    @Test func `exclusive or reaches every byte and no further`() {
        for count in [0, 1, 7, 8, 9, 63, 64, 65, 100, 1316] {
            let source = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 7) }
            var target = (0..<(count + 9)).map { UInt8(truncatingIfNeeded: $0 &* 17) }
            let expected = target.enumerated().map { $0.offset < count ? $0.element ^ source[$0.offset] : $0.element }
            source.withUnsafeBytes { source in
                target.withUnsafeMutableBytes { ExclusiveOr.merge(source, into: $0) }
            }
            #expect(target == expected, "\(count) bytes")
        }
    }
}
