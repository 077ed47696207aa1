import Wire

/// `WireReader` with the one error a message's fields can meet: the packet ends.
struct PIMReader: ~Escapable {
    private var wire: WireReader

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan) {
        wire = WireReader(bytes)
    }

    var isAtEnd: Bool { wire.isAtEnd }
    var remaining: Int { wire.remaining }

    @_lifetime(self: copy self)
    mutating func uint8() throws(PIMError) -> UInt8 {
        do { return try wire.readUInt8() } catch { throw .truncated }
    }

    @_lifetime(self: copy self)
    mutating func uint16() throws(PIMError) -> UInt16 {
        do { return try wire.readUInt16() } catch { throw .truncated }
    }

    @_lifetime(self: copy self)
    mutating func uint32() throws(PIMError) -> UInt32 {
        do { return try wire.readUInt32() } catch { throw .truncated }
    }

    @_lifetime(self: copy self)
    mutating func uint64() throws(PIMError) -> UInt64 {
        do { return try wire.readUInt64() } catch { throw .truncated }
    }

    @_lifetime(self: copy self)
    mutating func skip(_ count: Int) throws(PIMError) {
        do { try wire.skip(count) } catch { throw .truncated }
    }

    /// The next `count` bytes as a window that lives as long as the packet.
    @_lifetime(copy self)
    mutating func window(_ count: Int) throws(PIMError) -> RawSpan {
        do { return try wire.readSpan(count) } catch { throw .truncated }
    }
}
