import Clockwork
import ControlProtocol
import MPEGTS
import OTTClient
import RTP
import Repair
import Testing

/// A stream and its repair packets in the order in which a proxy sends them.
private struct ProtectedStream {
    enum Datagram {
        case media(Int, [UInt8])
        case repair([UInt8])
    }

    var media: [[UInt8]]
    var all: [Datagram] = []

    init(_ matrix: FECMatrix, count: Int) {
        media = datagrams(count: count)
        var encoder = FECEncoder(matrix: matrix, firstSequence: 0)
        let size = encoder.packetSize
        for (index, datagram) in media.enumerated() {
            datagram.withUnsafeBytes { encoder.protect($0) }
            all.append(.media(index, datagram))
            for direction in FECDirection.allCases where encoder.dueCount(direction) > 0 {
                let due = encoder.withDue(direction) { [UInt8]($0) }
                for start in stride(from: 0, to: due.count, by: size) {
                    all.append(.repair(Array(due[start..<(start + size)])))
                }
                encoder.markSent(direction)
            }
        }
    }
}

@Suite struct RepairedReceptionTests {
    private static func play(
        _ stream: ProtectedStream, without lost: Set<Int>, edit: (inout [UInt8]) -> Void = { _ in }
    ) -> Client {
        var configuration = MediaReception.Configuration()
        configuration.repair = .init()
        configuration.holdTime = .milliseconds(500)
        var client = Client(at: .zero, configuration)
        var time = 0
        for datagram in stream.all {
            switch datagram {
            case .media(let index, let bytes):
                time = index * 2
                if !lost.contains(index) { client.take(bytes, at: milliseconds(time)) }
            case .repair(var bytes):
                edit(&bytes)
                client.takeRepair(bytes, at: milliseconds(time))
            }
        }
        client.finish()
        return client
    }

    @Test func `what repair packets bring back is passed on in its place and told apart`() throws {
        let matrix = try FECMatrix(columns: 10, rows: 10, isTwoDimensional: true)
        let stream = ProtectedStream(matrix, count: 500)
        var chance = SeededGenerator(seed: 9)
        let lost = Set((20..<380).filter { _ in Int.random(in: 0..<50, using: &chance) == 0 })
        let client = Self.play(stream, without: lost)
        #expect(lost.count > 3 && client.output == stream.media.flatMap { $0[12...] })
        let report = client.reception.report(now: milliseconds(1000))
        #expect(report.isClean && report.lost == 0 && report.duplicates == 0)
        #expect(report.mendedByFEC == lost.count && report.packets == 500 - lost.count)
        #expect(report.liveLine(since: nil).contains("mended by FEC \(lost.count)"))
    }

    @Test func `a packet that arrives after it was mended is a duplicate`() throws {
        let matrix = try FECMatrix(columns: 10, rows: 10, isTwoDimensional: true)
        let stream = ProtectedStream(matrix, count: 200)
        var client = Self.play(stream, without: [55])
        client.take(stream.media[55], at: milliseconds(410))
        let report = client.reception.report(now: milliseconds(500))
        #expect(report.mendedByFEC == 1 && report.duplicates == 1 && report.lost == 0)
    }

    @Test func `mended nonsense is refused and the loss stays a loss`() throws {
        let matrix = try FECMatrix(columns: 10, rows: 10, isTwoDimensional: true)
        let stream = ProtectedStream(matrix, count: 300)
        let client = Self.play(stream, without: [55]) { $0[28] ^= 0xFF }
        let report = client.reception.report(now: milliseconds(1000))
        #expect(report.refused.mendedToNonsense >= 1 && report.lost == 1 && report.mendedByFEC == 0)
    }

    @Test func `without a decoder repair packets change nothing`() throws {
        let matrix = try FECMatrix(columns: 10, rows: 10, isTwoDimensional: true)
        let stream = ProtectedStream(matrix, count: 300)
        var client = Client(at: .zero)
        for datagram in stream.all {
            switch datagram {
            case .media(let index, let bytes): if index != 55 { client.take(bytes, at: milliseconds(index * 2)) }
            case .repair(let bytes): client.takeRepair(bytes, at: milliseconds(200))
            }
        }
        client.finish()
        let report = client.reception.report(now: milliseconds(1000))
        #expect(report.lost == 1 && report.mendedByFEC == 0 && report.fec.repairPackets == 0)
    }
}
