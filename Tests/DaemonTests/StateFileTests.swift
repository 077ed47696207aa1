import Daemon
import Glibc
import Testing

private struct Value: Codable, Equatable {
    var number: Int
}

@Suite struct StateFileTests {
    private let folder: String

    init() throws {
        folder = try temporaryFolder()
    }

    private var file: StateFile { StateFile(path: "\(folder)/state/value.json") }

    @Test func `what is written is read, and nothing else is left in the folder`() throws {
        try file.prepareFolder()
        try file.prepareFolder()
        #expect(try file.read(Value.self) == nil)
        for number in 1...3 { try file.write(Value(number: number)) }
        #expect(try file.read(Value.self) == Value(number: 3))
        #expect(access("\(folder)/state/value.json.new", F_OK) != 0)
    }

    @Test func `a write that cannot be finished leaves the old value`() throws {
        try file.prepareFolder()
        try file.write(Value(number: 1))
        #expect(mkdir("\(folder)/state/value.json.new", 0o700) == 0)
        #expect(throws: StateFile.Failure.self) { try file.write(Value(number: 2)) }
        #expect(try file.read(Value.self) == Value(number: 1))
    }

    @Test(arguments: ["", "{", "{\"number\":\"x\"}", "[1]"])
    func `a file that is not a value is refused, and can be put aside`(text: String) throws {
        try file.prepareFolder()
        try writeFile(text, to: file.path)
        #expect(throws: StateFile.Failure.self) { try file.read(Value.self) }
        file.putAside()
        #expect(try file.read(Value.self) == nil)
        #expect(access("\(file.path).broken", F_OK) == 0)
    }
}
