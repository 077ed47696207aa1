import Wire

/// Reads that refuse in IGMP's words, so that a malformed packet never costs an allocated error.
extension WireReader {
    @_lifetime(self: copy self)
    mutating func nextUInt8() throws(IGMPError) -> UInt8 {
        do { return try readUInt8() } catch { throw .truncated }
    }

    @_lifetime(self: copy self)
    mutating func nextUInt16() throws(IGMPError) -> UInt16 {
        do { return try readUInt16() } catch { throw .truncated }
    }

    @_lifetime(self: copy self)
    mutating func nextAddress() throws(IGMPError) -> IPv4Address {
        do { return IPv4Address(rawValue: try readUInt32()) } catch { throw .truncated }
    }

    @_lifetime(self: copy self)
    mutating func pass(_ count: Int) throws(IGMPError) {
        do { try skip(count) } catch { throw .truncated }
    }

    /// A source list; its length is proved before memory is set aside for it.
    @_lifetime(self: copy self)
    mutating func nextSources(count: Int) throws(IGMPError) -> [IPAddress] {
        if count == 0 { return [] }
        guard count <= IGMPMessage.maxSources else { throw .tooManySources }
        guard count * 4 <= remaining else { throw .truncated }
        var sources: [IPAddress] = []
        sources.reserveCapacity(count)
        for _ in 0..<count { sources.append(.v4(try nextAddress())) }
        return sources
    }
}
