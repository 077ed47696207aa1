import KernelMulticast
import LinuxIO
import Testing
import Wire

func vif(_ number: Int) -> VirtualInterface {
    guard let virtualInterface = VirtualInterface(number) else { preconditionFailure("a test names VIF \(number)") }
    return virtualInterface
}

struct VirtualInterfaceTableTests {
    @Test func `an interface keeps its number, and the lowest free one is given`() throws {
        var table = VirtualInterfaceTable()
        #expect(try table.assign(InterfaceIndex(10), use: .inputAndOutput) == vif(0))
        #expect(try table.assign(InterfaceIndex(11), use: .inputAndOutput) == vif(1))
        #expect(try table.assign(InterfaceIndex(10), use: .inputAndOutput) == vif(0))
        #expect(table.interface(of: vif(1)) == InterfaceIndex(11))
        #expect(table.assignments.map(\.number) == [vif(0), vif(1)])
    }

    @Test func `an interface that only receives gets number 31, which netlink cannot send to`() throws {
        var table = VirtualInterfaceTable()
        #expect(try table.assign(InterfaceIndex(1), use: .inputOnly) == .inputOnly)
        #expect(VirtualInterface.inputOnly == vif(31))
        #expect(try table.assign(InterfaceIndex(2), use: .inputOnly) == vif(0))
    }

    @Test func `the 32nd output interface and the 33rd interface are refused by name`() throws {
        var table = VirtualInterfaceTable()
        for index in 0..<31 { _ = try table.assign(InterfaceIndex(UInt32(index + 1)), use: .inputAndOutput) }
        #expect(throws: VirtualInterfaceTable.Failure.noOutputNumberLeft) {
            try table.assign(InterfaceIndex(100), use: .inputAndOutput)
        }
        #expect(try table.assign(InterfaceIndex(101), use: .inputOnly) == .inputOnly)
        #expect(throws: VirtualInterfaceTable.Failure.tableFull) {
            try table.assign(InterfaceIndex(102), use: .inputOnly)
        }
        #expect(table.count == 32)
    }

    @Test func `a number given back rests until no entry carries it`() throws {
        var table = VirtualInterfaceTable()
        for index in 1...31 { _ = try table.assign(InterfaceIndex(UInt32(index)), use: .inputAndOutput) }
        #expect(table.release(InterfaceIndex(5)) == vif(4))
        #expect(table.number(of: InterfaceIndex(5)) == nil)
        #expect(throws: VirtualInterfaceTable.Failure.numbersResting([vif(4)])) {
            try table.assign(InterfaceIndex(99), use: .inputAndOutput)
        }
        table.confirmUnreferenced([vif(4)])
        #expect(try table.assign(InterfaceIndex(99), use: .inputAndOutput) == vif(4))
    }

    @Test func `other numbers are given while one rests`() throws {
        var table = VirtualInterfaceTable()
        _ = try table.assign(InterfaceIndex(1), use: .inputAndOutput)
        table.release(InterfaceIndex(1))
        #expect(try table.assign(InterfaceIndex(1), use: .inputAndOutput) == vif(1))
        #expect(table.resting == [vif(0)])
        #expect(table.release(InterfaceIndex(77)) == nil)
    }

    @Test func `after adoption every number without an interface rests`() throws {
        var table = VirtualInterfaceTable(adopting: [vif(3): InterfaceIndex(7), .inputOnly: InterfaceIndex(8)])
        #expect(try table.assign(InterfaceIndex(7), use: .inputAndOutput) == vif(3))
        #expect(try table.assign(InterfaceIndex(8), use: .inputOnly) == .inputOnly)
        #expect(table.resting.count == 30)
        #expect(throws: VirtualInterfaceTable.Failure.self) {
            try table.assign(InterfaceIndex(9), use: .inputAndOutput)
        }
        table.confirmUnreferenced(table.resting)
        #expect(try table.assign(InterfaceIndex(9), use: .inputAndOutput) == vif(0))
    }

    @Test func `an interface adopted under two numbers keeps the lower one`() {
        let table = VirtualInterfaceTable(adopting: [vif(3): InterfaceIndex(7), vif(5): InterfaceIndex(7)])
        #expect(table.number(of: InterfaceIndex(7)) == vif(3))
        #expect(table.resting.contains(vif(5)))
    }

    @Test(arguments: [-1, 32, 256])
    func `there is no VIF outside 0 to 31`(_ number: Int) {
        #expect(VirtualInterface(number) == nil)
    }
}
