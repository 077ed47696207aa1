import Clockwork
import ControlProtocol
import RTP
import Repair
import Testing

@Suite struct FECTests {
    static let shapes = [
        (10, 10, true), (4, 4, true), (20, 5, true), (5, 20, true), (8, 8, true), (1, 4, false), (20, 5, false),
    ]

    @Test(arguments: shapes)
    func `whichever single packet of a block is lost, it comes back byte by byte`(
        _ columns: Int, _ rows: Int, _ both: Bool
    ) throws {
        let matrix = try matrix(columns, rows, twoDimensional: both)
        let stream = Stream(matrix, count: 3 * matrix.packets, payloadSize: 64, vary: true)
        for lost in 0..<matrix.packets {
            var mender = Mender()
            let victim = Int64(65_500 + matrix.packets + lost)
            for packet in stream.packets {
                if case .media(victim, _) = packet { continue }
                mender.take(packet)
            }
            #expect(mender.mended == [victim: stream.media[victim]], "packet \(lost) of \(matrix)")
        }
    }

    @Test func `a burst as long as a row comes back by the columns`() throws {
        let stream = Stream(try matrix(10, 10, twoDimensional: false), count: 300)
        for start in 65_600..<65_690 {
            var mender = Mender()
            let burst = Int64(start)..<Int64(start + 10)
            for packet in stream.packets {
                if case .media(let sequence, _) = packet, burst.contains(sequence) { continue }
                mender.take(packet)
            }
            #expect(mender.mended == stream.media.filter { burst.contains($0.key) }, "burst at \(start)")
        }
    }

    @Test func `rows and columns mend by turns what neither mends alone`() throws {
        let stream = Stream(try matrix(5, 5), count: 75)
        // Each column that lost any lost two; the second row begins a chain through all of them.
        let base = Int64(65_500)
        let lost: Set<Int64> = [base, base + 1, base + 5, base + 11, base + 12, base + 17]
        var mender = Mender()
        for packet in stream.packets {
            if case .media(let sequence, _) = packet, lost.contains(sequence) { continue }
            mender.take(packet)
        }
        #expect(Set(mender.mended.keys) == lost)
        for (sequence, bytes) in mender.mended { #expect(bytes == stream.media[sequence]) }
    }

    @Test func `a square of losses stays lost, and nothing wrong comes out`() throws {
        let stream = Stream(try matrix(5, 5), count: 150)
        let base = Int64(65_500)
        let lost: Set<Int64> = [base, base + 1, base + 5, base + 6]
        var mender = Mender()
        for packet in stream.packets {
            if case .media(let sequence, _) = packet, lost.contains(sequence) { continue }
            mender.take(packet)
        }
        #expect(mender.mended.isEmpty && mender.decoder.counters.mended == 0)
    }

    @Test func `repair packets are spread over the next block`() throws {
        let stream = Stream(try matrix(10, 10), count: 300)
        var sinceMedia = 0
        var columns: [Int] = []
        var position = 0
        for packet in stream.packets {
            switch packet {
            case .media:
                sinceMedia = 0
                position += 1
            case .repair(let direction, _):
                sinceMedia += 1
                #expect(sinceMedia <= 2)
                if direction == .column { columns.append(position) }
            }
        }
        #expect(columns.prefix(10) == [101, 111, 121, 131, 141, 151, 161, 171, 181, 191])
    }

    @Test func `both repair streams are numbered from where they were told, without a gap`() throws {
        let stream = Stream(try matrix(5, 4), count: 400)
        for direction in FECDirection.allCases {
            let numbers = stream.repairs.filter { $0.direction == direction }.map {
                UInt16($0.bytes[2]) << 8 | UInt16($0.bytes[3])
            }
            #expect(numbers.count >= 80 && numbers == (0..<numbers.count).map { UInt16(7 + $0) })
        }
    }

    @Test func `a repair packet has the layout of ST 2022-1`() throws {
        let stream = Stream(try matrix(5, 4), count: 60, first: 1000, payloadSize: 20)
        let column = try #require(stream.repairs.first { $0.direction == .column }).bytes
        let expected = (0..<4).map { stream.media[Int64(1000 + $0 * 5)] ?? [] }
        func parity(_ range: Range<Int>) -> [UInt8] {
            range.map { byte in expected.reduce(0) { $0 ^ $1[byte] } }
        }
        #expect(Array(column[0..<4]) == [0x80, 96, 0, 7])
        #expect(Array(column[8..<12]) == [0, 0, 0, 0])
        #expect(Array(column[12..<16]) == [1000 >> 8, 1000 & 0xFF, 0, 0])
        #expect(Array(column[16..<20]) == [0x80, 0, 0, 0])
        #expect(Array(column[20..<24]) == parity(4..<8))
        #expect(Array(column[24..<28]) == [0, 5, 4, 0])
        #expect(Array(column[28...]) == parity(12..<32))
        let row = try #require(stream.repairs.first { $0.direction == .row }).bytes
        #expect(Array(row[24..<28]) == [0x40, 1, 5, 0])
        // An odd number of packets leaves the payload type and the length.
        #expect(Array(row[14..<17]) == [0, 20, 0x80 | 33])
    }

    @Test func `a jump in numbering begins a new block, and what was due still leaves`() throws {
        var encoder = FECEncoder(matrix: try matrix(4, 4), firstSequence: 0, payloadSize: 8)
        func protect(_ sequence: UInt16) {
            var bytes = [UInt8](repeating: 1, count: 20)
            RTPHeader(payloadType: 33, sequence: sequence, timestamp: 0, ssrc: 1).write(into: &bytes, at: 0)
            bytes.withUnsafeBytes { encoder.protect($0) }
            for direction in FECDirection.allCases { encoder.markSent(direction) }
        }
        for sequence in 0..<26 { protect(UInt16(sequence)) }
        for sequence in 5_000..<5_032 { protect(UInt16(sequence)) }
        #expect(encoder.counters.abandonedBlocks == 1)
        #expect(encoder.counters.columnPackets == 8 && encoder.counters.rowPackets == 6 + 8)
    }

    @Test func `a long train is asked to stop where repair packets must leave first`() throws {
        var encoder = FECEncoder(matrix: try matrix(4, 4), firstSequence: 0, payloadSize: 8)
        var longest = 0
        var run = 0
        for sequence in 0..<400 {
            if encoder.mustSend {
                longest = max(longest, run)
                run = 0
                for direction in FECDirection.allCases { encoder.markSent(direction) }
            }
            var bytes = [UInt8](repeating: 1, count: 20)
            RTPHeader(payloadType: 33, sequence: UInt16(sequence), timestamp: 0, ssrc: 1).write(into: &bytes, at: 0)
            bytes.withUnsafeBytes { encoder.protect($0) }
            run += 1
        }
        #expect(longest > 8)
        #expect(encoder.counters.columnPackets >= 4 * 22 && encoder.counters.rowPackets >= 90)
    }
}
