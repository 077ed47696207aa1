import RTP

/// Mends what repair packets can: media packets and repair packets go in, missing media packets come out.
///
///     decoder.receive(media: datagram, sequence: sequence) { mended, packet in … }
///     try decoder.receive(repair: datagram) { mended, packet in … }
///
/// A repair packet that lacks one media packet gives it at once; one that lacks more waits, bounded, until others have
/// mended all but one. Each says by itself what it protects, so that a sender may change its matrix at any packet. All
/// memory is taken at the start. A mended packet is a whole datagram and no more to be trusted than a received one.
package struct FECDecoder: Sendable {
    package struct Configuration: Hashable, Sendable {
        /// Media packets kept, a power of two: two blocks of the largest matrix of our own, and room for disorder.
        package var window = 512
        /// Repair packets that may wait.
        package var waitingPackets = 128
        /// The most that follows a media packet's fixed header.
        package var payloadSize = TransportPayload.size

        package init() {}
    }

    package struct Counters: Hashable, Sendable, Codable {
        /// Repair packets received, those below included.
        package internal(set) var repairPackets: UInt64 = 0
        /// Repair packets for which nothing was missing.
        package internal(set) var unneeded: UInt64 = 0
        package internal(set) var duplicates: UInt64 = 0
        /// What they protect is too far from what was received.
        package internal(set) var outOfWindow: UInt64 = 0
        /// Given up while they still lacked packets.
        package internal(set) var expired: UInt64 = 0
        /// Given up because too many waited.
        package internal(set) var crowdedOut: UInt64 = 0
        package internal(set) var mended: UInt64 = 0
        /// Parity that yields no datagram: the length is impossible.
        package internal(set) var unusable: UInt64 = 0
        /// Media packets longer than a slot; they cannot help to mend others.
        package internal(set) var oversized: UInt64 = 0
        package internal(set) var malformed = FECRefusals()

        package init() {}
    }

    /// A repair packet that lacks more than one media packet.
    private struct Waiting {
        var base: Int64
        var offset: Int64
        var count: Int
        /// Media packets it lacks.
        var missing: Int
        var recovery: FECRecovery
        var length: Int
        var slot: Int

        var last: Int64 { base + Int64(count - 1) * offset }

        func protects(_ sequence: Int64) -> Bool {
            sequence >= base && sequence <= last && (sequence - base) % offset == 0
        }
    }

    package let configuration: Configuration
    package private(set) var counters = Counters()

    private let slotSize: Int
    private var media: [UInt8]
    private var lengths: [Int]
    /// Which packet lies in a slot.
    private var held: [Int64]
    private var highest: Int64?
    private var ssrc: UInt32 = 0

    private var parity: [UInt8]
    private var waiting: [Waiting] = []
    private var freeSlots: [Int] = []
    private var lowestWaiting = Int64.max
    private static let nothing = Int64.min

    package init(configuration: Configuration = Configuration()) {
        precondition(
            configuration.window >= 16 && configuration.window.nonzeroBitCount == 1
                && configuration.waitingPackets > 0 && configuration.payloadSize > 0, "a window too small to be one")
        self.configuration = configuration
        slotSize = RTPHeader.size + configuration.payloadSize
        media = [UInt8](repeating: 0, count: configuration.window * slotSize)
        lengths = [Int](repeating: 0, count: configuration.window)
        held = [Int64](repeating: Self.nothing, count: configuration.window)
        parity = [UInt8](repeating: 0, count: configuration.waitingPackets * configuration.payloadSize)
        waiting.reserveCapacity(configuration.waitingPackets)
        freeSlots = Array(0..<configuration.waitingPackets)
    }

    /// The stream's numbering began anew; nothing from before helps any more.
    package mutating func reset() {
        for index in held.indices { held[index] = Self.nothing }
        while !waiting.isEmpty { drop(waiting.count - 1) }
        highest = nil
        lowestWaiting = .max
    }

    /// Takes a media packet, a whole datagram, under a number that does not wrap; `mend` is handed what it completes.
    package mutating func receive(media datagram: RawSpan, sequence: Int64, mend: (Int64, RawSpan) -> Void) {
        guard datagram.byteCount >= RTPHeader.size, datagram.byteCount <= slotSize else {
            counters.oversized &+= 1
            return
        }
        if let highest, sequence <= highest - Int64(configuration.window) { return }
        guard !holds(sequence) else { return }
        let start = slot(sequence) * slotSize
        media.withUnsafeMutableBytes { into in
            datagram.withUnsafeBytes { from in
                // Safe: a datagram is no longer than a slot, and the slot lies within the window.
                UnsafeMutableRawBufferPointer(rebasing: into[start..<(start + from.count)]).copyMemory(from: from)
                ssrc = UInt32(bigEndian: from.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
            }
        }
        note(sequence, length: datagram.byteCount)
        if !waiting.isEmpty { settle(mend) }
    }

    /// Takes a datagram of one of the two repair streams; `mend` is handed every media packet that it gives.
    package mutating func receive(
        repair datagram: RawSpan, mend: (Int64, RawSpan) -> Void
    ) throws(FECPacketError) {
        counters.repairPackets &+= 1
        do throws(FECPacketError) {
            let packet = try FECPacket(decoding: datagram)
            guard packet.span <= configuration.window / 2 else { throw .span }
            guard packet.parity.byteCount <= configuration.payloadSize else { throw .tooLong }
            take(packet, mend)
        } catch {
            counters.malformed.note(error)
            throw error
        }
    }

    // MARK: Repair packets

    private mutating func take(_ packet: borrowing FECPacket, _ mend: (Int64, RawSpan) -> Void) {
        guard let highest else {
            counters.outOfWindow &+= 1
            return
        }
        let base = highest + Int64(packet.base.sequenceDistance(from: UInt16(truncatingIfNeeded: highest)))
        let last = base + Int64(packet.span - 1)
        let window = Int64(configuration.window)
        guard base > highest - window, last < highest + window / 2 else {
            counters.outOfWindow &+= 1
            return
        }
        var entry = Waiting(
            base: base, offset: Int64(packet.offset), count: packet.count, missing: 0, recovery: packet.recovery,
            length: packet.parity.byteCount, slot: 0)
        for index in 0..<packet.count where !holds(base + Int64(index * packet.offset)) { entry.missing += 1 }
        guard entry.missing > 0 else {
            counters.unneeded &+= 1
            return
        }
        guard !waiting.contains(where: { $0.base == base && $0.offset == entry.offset && $0.count == entry.count })
        else {
            counters.duplicates &+= 1
            return
        }
        if freeSlots.isEmpty { dropOldest() }
        guard let slot = freeSlots.popLast() else { return }
        entry.slot = slot
        store(packet.parity, in: slot)
        waiting.append(entry)
        lowestWaiting = min(lowestWaiting, base)
        if entry.missing == 1 { settle(mend) }
    }

    private mutating func store(_ bytes: RawSpan, in slot: Int) {
        let start = slot * configuration.payloadSize
        parity.withUnsafeMutableBytes { into in
            bytes.withUnsafeBytes { from in
                UnsafeMutableRawBufferPointer(rebasing: into[start..<(start + from.count)]).copyMemory(from: from)
            }
        }
    }

    /// Gives it up, with the order of the others changed.
    private mutating func drop(_ index: Int) {
        freeSlots.append(waiting[index].slot)
        waiting.swapAt(index, waiting.count - 1)
        waiting.removeLast()
    }

    private mutating func dropOldest() {
        var oldest = 0
        for index in waiting.indices where waiting[index].base < waiting[oldest].base { oldest = index }
        drop(oldest)
        counters.crowdedOut &+= 1
    }

    // MARK: Media packets

    private func slot(_ sequence: Int64) -> Int { Int(truncatingIfNeeded: sequence) & (configuration.window - 1) }

    private func holds(_ sequence: Int64) -> Bool { held[slot(sequence)] == sequence }

    /// A packet now lies in its slot.
    private mutating func note(_ sequence: Int64, length: Int) {
        held[slot(sequence)] = sequence
        lengths[slot(sequence)] = length
        if highest.map({ sequence > $0 }) ?? true {
            highest = sequence
            if lowestWaiting <= sequence - Int64(configuration.window) { expire(before: sequence) }
        }
        for index in waiting.indices where waiting[index].protects(sequence) { waiting[index].missing -= 1 }
    }

    /// Slots of the packets they protect are being used again.
    private mutating func expire(before sequence: Int64) {
        let limit = sequence - Int64(configuration.window)
        var lowest = Int64.max
        for index in waiting.indices.reversed() {
            if waiting[index].base <= limit {
                counters.expired &+= 1
                drop(index)
            } else {
                lowest = min(lowest, waiting[index].base)
            }
        }
        lowestWaiting = lowest
    }

    // MARK: Mending

    /// Mends until no repair packet lacks exactly one media packet.
    private mutating func settle(_ mend: (Int64, RawSpan) -> Void) {
        while let index = waiting.firstIndex(where: { $0.missing <= 1 }) {
            let entry = waiting[index]
            if entry.missing == 1, let sequence = missing(of: entry) { restore(sequence, from: entry, mend) }
            // Entries move when others expire; the slot still names this one.
            if let place = waiting.firstIndex(where: { $0.slot == entry.slot }) { drop(place) }
        }
    }

    private func missing(of entry: Waiting) -> Int64? {
        for index in 0..<entry.count {
            let sequence = entry.base + Int64(index) * entry.offset
            if !holds(sequence) { return sequence }
        }
        return nil
    }

    private mutating func restore(_ sequence: Int64, from entry: Waiting, _ mend: (Int64, RawSpan) -> Void) {
        let target = slot(sequence) * slotSize
        // Whatever lay there is older than the window.
        held[slot(sequence)] = Self.nothing
        var recovery = entry.recovery
        copyParity(of: entry, to: target)
        for index in 0..<entry.count {
            let other = entry.base + Int64(index) * entry.offset
            if other != sequence { recovery ^= combine(other, into: target, length: entry.length) }
        }
        guard recovery.length > 0, recovery.length <= entry.length else {
            counters.unusable &+= 1
            return
        }
        writeHeader(recovery, UInt16(truncatingIfNeeded: sequence), at: target)
        counters.mended &+= 1
        let length = RTPHeader.size + recovery.length
        note(sequence, length: length)
        mend(sequence, media.span.bytes.extracting(target..<(target + length)))
    }

    private mutating func copyParity(of entry: Waiting, to target: Int) {
        let (start, count) = (entry.slot * configuration.payloadSize, entry.length)
        media.withUnsafeMutableBytes { media in
            parity.withUnsafeBytes { parity in
                UnsafeMutableRawBufferPointer(
                    rebasing: media[(target + RTPHeader.size)..<(target + RTPHeader.size + count)]
                )
                .copyMemory(from: UnsafeRawBufferPointer(rebasing: parity[start..<(start + count)]))
            }
        }
    }

    /// Takes a packet's part out of the parity; answers the part of its header. What of it is longer than the parity is
    /// not protected.
    private mutating func combine(_ sequence: Int64, into target: Int, length: Int) -> FECRecovery {
        let (start, own) = (slot(sequence) * slotSize, lengths[slot(sequence)])
        let payload = target + RTPHeader.size
        return media.withUnsafeMutableBytes { media in
            let packet = UnsafeRawBufferPointer(rebasing: media[start..<(start + own)])
            let body = packet[RTPHeader.size..<min(own, RTPHeader.size + length)]
            ExclusiveOr.merge(
                UnsafeRawBufferPointer(rebasing: body),
                into: UnsafeMutableRawBufferPointer(rebasing: media[payload..<(payload + length)]))
            return FECRecovery(media: packet)
        }
    }

    private mutating func writeHeader(_ recovery: FECRecovery, _ sequence: UInt16, at target: Int) {
        let source = ssrc
        let header = RTPHeader(
            marker: recovery.flags & 0x80 != 0, payloadType: UInt8(truncatingIfNeeded: recovery.flags & 0x7F),
            sequence: sequence, timestamp: recovery.timestamp, ssrc: source)
        header.write(into: &media, at: target)
        media[target] |= UInt8(truncatingIfNeeded: recovery.flags >> 8) & 0x3F
    }
}

/// Repair datagrams refused, by reason.
package struct FECRefusals: Hashable, Sendable, Codable {
    package private(set) var truncated: UInt64 = 0
    package private(set) var wrongVersion: UInt64 = 0
    package private(set) var payloadType: UInt64 = 0
    package private(set) var unsupportedHeader: UInt64 = 0
    package private(set) var unsupportedKind: UInt64 = 0
    package private(set) var offset: UInt64 = 0
    package private(set) var span: UInt64 = 0
    package private(set) var tooLong: UInt64 = 0

    package init() {}

    package var total: UInt64 {
        truncated &+ wrongVersion &+ payloadType &+ unsupportedHeader &+ unsupportedKind &+ offset &+ span &+ tooLong
    }

    mutating func note(_ error: FECPacketError) {
        switch error {
        case .truncated: truncated &+= 1
        case .wrongVersion: wrongVersion &+= 1
        case .payloadType: payloadType &+= 1
        case .unsupportedHeader: unsupportedHeader &+= 1
        case .unsupportedKind: unsupportedKind &+= 1
        case .offset: offset &+= 1
        case .span: span &+= 1
        case .tooLong: tooLong &+= 1
        }
    }
}
