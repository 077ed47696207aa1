import ControlProtocol
import ControlSocket
import LinuxIO
import Testing
import Wire

/// The loop runs only where a test says so: until then a long line's thread may have finished, but nothing is told.
@Suite struct LineDecoderTests {
    private typealias Decoder = LineDecoder<Int, RouterRequest>

    private final class Heard {
        var lines: [String] = []
    }

    private static func show(_ id: UInt64, topicLength: Int = 6) throws -> [UInt8] {
        try LineCoding.encode(
            RouterRequest(id: id, body: .show(topic: String(repeating: "x", count: topicLength))))
    }

    private static func longShow(_ id: UInt64) throws -> [UInt8] {
        try show(id, topicLength: Decoder.longLineBytes)
    }

    private static func decoder(on loop: EventLoop, _ heard: Heard, limit: Int = 4, expecting count: Int) -> Decoder {
        Decoder(on: loop, limit: limit, waitingBytes: 1000) { client, outcome in
            switch outcome {
            case .message(let request): heard.lines.append("\(client): \(request.id)")
            case .malformed(let identifier, _): heard.lines.append("\(client): malformed \(identifier)")
            }
            if heard.lines.count == count { loop.stop() }
        }
    }

    @Test func `a long line of one connection holds up nobody else`() throws {
        let (loop, heard) = (try EventLoop(), Heard())
        let decoder = Self.decoder(on: loop, heard, expecting: 3)
        #expect(decoder.take(try Self.longShow(1), from: 1))
        #expect(decoder.take(try Self.show(2), from: 2))
        #expect(heard.lines == ["2: 2"], "told before the loop runs")
        #expect(decoder.take(try Self.show(3), from: 1))
        #expect(heard.lines == ["2: 2"], "waits for the line before it")
        try loop.run()
        #expect(heard.lines == ["2: 2", "1: 1", "1: 3"])
    }

    @Test func `lines of a connection keep their order, whatever their length and whether they can be read`() throws {
        let (loop, heard) = (try EventLoop(), Heard())
        let decoder = Self.decoder(on: loop, heard, expecting: 4)
        let unreadable = Array("{\"id\":7,\"body\":\"\(String(repeating: "y", count: Decoder.longLineBytes))\"}".utf8)
        #expect(decoder.take(unreadable, from: 1))
        #expect(decoder.take(try Self.show(8), from: 1))
        #expect(decoder.take(Array("{\"id\":9}".utf8), from: 1))
        #expect(decoder.take(try Self.show(10), from: 1))
        try loop.run()
        #expect(heard.lines == ["1: malformed 7", "1: 8", "1: malformed 9", "1: 10"])
    }

    @Test func `more than may wait behind a long line is refused`() throws {
        let (loop, heard) = (try EventLoop(), Heard())
        let decoder = Self.decoder(on: loop, heard, expecting: 2)
        #expect(decoder.take(try Self.longShow(1), from: 1))
        #expect(decoder.take(try Self.show(2, topicLength: 600), from: 1))
        #expect(!decoder.take(try Self.show(3, topicLength: 600), from: 1))
        try loop.run()
        #expect(heard.lines == ["1: 1", "1: 2"])
    }

    @Test func `beyond the limit of threads a long line is decoded at once`() throws {
        let (loop, heard) = (try EventLoop(), Heard())
        let decoder = Self.decoder(on: loop, heard, limit: 1, expecting: 2)
        #expect(decoder.take(try Self.longShow(1), from: 1))
        #expect(decoder.take(try Self.longShow(2), from: 2))
        #expect(heard.lines == ["2: 2"])
        try loop.run()
        #expect(heard.lines == ["2: 2", "1: 1"])
    }

    @Test func `nothing is told of a connection that has ended`() throws {
        let (loop, heard) = (try EventLoop(), Heard())
        let decoder = Self.decoder(on: loop, heard, expecting: 1)
        #expect(decoder.take(try Self.longShow(1), from: 1))
        #expect(decoder.take(try Self.show(2), from: 1))
        decoder.forget(1)
        #expect(decoder.take(try Self.longShow(3), from: 3))
        try loop.run()
        #expect(heard.lines == ["3: 3"])
    }
}
