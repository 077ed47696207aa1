/// What a stream's continuity consists of, so that a restarted sender goes on where the old one stopped.
package struct ContinuityState: Hashable, Sendable, Codable {
    package struct Counter: Hashable, Sendable, Codable {
        package var pid: UInt16
        /// The counter its next packet with a payload must carry.
        package var next: UInt8

        package init(pid: UInt16, next: UInt8) {
            self.pid = pid
            self.next = next
        }
    }

    /// A table as it was last sent: the version number it had, and the checksum of what it said.
    package struct Table: Hashable, Sendable, Codable {
        package var version: UInt8
        package var fingerprint: UInt32

        package init(version: UInt8, fingerprint: UInt32) {
            self.version = version
            self.fingerprint = fingerprint
        }
    }

    /// Sorted by PID.
    package var counters: [Counter] = []
    package var association: Table?
    package var map: Table?

    package init() {}

    /// Whether nothing was ever sent.
    package var isEmpty: Bool { counters.isEmpty && association == nil && map == nil }
}

/// PAT and PMT as we send them: the source's contents under version numbers of our own, which step exactly when the
/// contents change. An encoder that restarts with other contents under its old number would leave receivers with the
/// old tables.
struct OutgoingTables: Sendable {
    private(set) var association: ProgramAssociation?
    private(set) var map: ProgramMap?
    private(set) var associationState: ContinuityState.Table?
    private(set) var mapState: ContinuityState.Table?
    /// Whole packets of both tables, ready to be sent; empty until both are known.
    private(set) var packets: [UInt8] = []

    init(state: ContinuityState) {
        associationState = state.association
        mapState = state.map
    }

    /// The PID whose packets are replaced by ours, beside PID 0.
    var mapPID: UInt16? { association?.mapPID }

    /// Whether what is sent has changed.
    mutating func apply(_ table: TransportSegment.Table) -> Bool {
        switch table {
        case .association(let new):
            guard new != association else { return false }
            association = new
            associationState = Self.stepped(associationState, new.encoded(version: 0))
        case .map(let new):
            guard new != map else { return false }
            map = new
            mapState = Self.stepped(mapState, new.encoded(version: 0))
        }
        guard let association, let map, let associationState, let mapState else { return false }
        packets =
            transportPackets(
                carrying: association.encoded(version: associationState.version), pid: ProgramAssociation.pid)
            + transportPackets(carrying: map.encoded(version: mapState.version), pid: association.mapPID)
        return true
    }

    private static func stepped(_ state: ContinuityState.Table?, _ contents: [UInt8]) -> ContinuityState.Table {
        let fingerprint = SectionChecksum.compute(contents.dropLast(4))
        guard let state else { return ContinuityState.Table(version: 0, fingerprint: fingerprint) }
        guard state.fingerprint != fingerprint else { return state }
        return ContinuityState.Table(version: (state.version &+ 1) & 0x1F, fingerprint: fingerprint)
    }
}
