import Clockwork

/// One HLS segment of a ring.
package struct RingSegment: Hashable, Sendable {
    /// Its media sequence number.
    package let number: Int64
    /// First byte, and the one after the last.
    package let range: Range<UInt64>
    /// In 90 kHz ticks since 1970.
    package let begin: Int64
    package let end: Int64
    /// The programme's clock or contents begin anew here.
    package let isDiscontinuous: Bool
    /// Nothing was received that could be sent under this number.
    package let isGap: Bool
    /// PAT and PMT to be sent before it.
    package let prefix: [UInt8]

    package var duration: Duration { CalendarClock.duration(end - begin) }
}

/// Cuts a stream into segments by the sender's clock, so that every receiver of the stream cuts it alike.
///
/// Time is divided into buckets of the segment length; number k belongs to bucket k. A segment begins at the first
/// random-access point in its bucket, or at the bucket's first packet when it has none. Where the stream announces a
/// discontinuity at a later random-access point of bucket k, segment k + 1 begins there already and bucket k + 1 cuts no
/// more: so a discontinuity stands at the start of a segment, and numbers still follow the clock. No segment is longer than
/// two lengths: where that would happen behind such an early one, bucket k + 2 is cut at its first packet after all.
///
/// Who begins within a bucket knows of it only the rest: its first segment is the tail of the others' of that number.
struct SegmentCutter: Sendable {
    private struct Open {
        var number: Int64
        var position: UInt64
        var begin: Int64
        var prefix: [UInt8]
        var isDiscontinuous: Bool
    }

    /// A longer hole than so many segments is not listed: numbering begins anew behind it.
    static let longestGap: Int64 = 64

    let length: Int64
    private(set) var restarts: UInt64 = 0
    private var open: Open?
    /// The number begun last.
    private var last: Int64 = 0
    private var bucket: Int64?
    /// The bucket's first packet, with what a viewer who begins there needs.
    private var bucketBegin: (position: UInt64, time: Int64, prefix: [UInt8])?
    private var lastTime: Int64 = 0
    private var hasPendingDiscontinuity = false

    init(length: Duration) {
        self.length = max(1, CalendarClock.ticks(length))
    }

    /// Begins the next packet of the stream; `prefix` is what a viewer who begins with it needs.
    /// - Returns: what this completes, in order; nil when everything before must be forgotten.
    mutating func advance(
        to time: Int64, position: UInt64, prefix: @autoclosure () -> [UInt8]
    ) -> [RingSegment]? {
        let now = time >= 0 ? time / length : -1
        guard let before = bucket else {
            (bucket, last, lastTime) = (now, now - 1, time)
            return []
        }
        // A clock that runs back a little cuts later.
        if now < before - 1 || now - before > Self.longestGap {
            restart(at: now, time)
            return nil
        }
        guard now > before else {
            lastTime = max(lastTime, time)
            return []
        }
        var done: [RingSegment] = []
        settle(before, &done)
        if now > before + 1 { fill(upTo: now, position, &done) }
        bucket = now
        bucketBegin = (position, time, prefix())
        lastTime = time
        return done
    }

    /// A random-access point in the bucket that `advance` has reached.
    mutating func take(_ entry: EntryPoint, prefix: @autoclosure () -> [UInt8]) -> [RingSegment] {
        guard let bucket else { return [] }
        let isDiscontinuous = entry.isDiscontinuous || hasPendingDiscontinuity
        hasPendingDiscontinuity = false
        guard last < bucket || isDiscontinuous && last == bucket else {
            if isDiscontinuous { open?.isDiscontinuous = true }
            return []
        }
        var done: [RingSegment] = []
        if last < bucket, let open, entry.time - open.begin > 2 * length {
            // So late that the segment before would be too long.
            settle(bucket, &done)
            guard isDiscontinuous else { return done }
        }
        begin(
            Open(
                number: last + 1, position: entry.position, begin: entry.time, prefix: prefix(),
                isDiscontinuous: isDiscontinuous), &done)
        return done
    }

    /// The stream says that it does not continue.
    mutating func noteDiscontinuity() { hasPendingDiscontinuity = true }

    /// Ends the bucket: one without a random-access point is cut at its first packet.
    private mutating func settle(_ bucket: Int64, _ done: inout [RingSegment]) {
        guard last < bucket else { return }
        guard let bucketBegin else {
            // The bucket in which all began: its first packet was not seen.
            last = bucket
            return
        }
        begin(
            Open(
                number: bucket, position: bucketBegin.position, begin: bucketBegin.time,
                prefix: bucketBegin.prefix, isDiscontinuous: false), &done)
    }

    private mutating func begin(_ next: Open, _ done: inout [RingSegment]) {
        if let open { done.append(closed(open, at: next.position, next.begin)) }
        last = next.number
        open = next
    }

    /// Whole buckets of which nothing was received.
    private mutating func fill(upTo now: Int64, _ position: UInt64, _ done: inout [RingSegment]) {
        if let open { done.append(closed(open, at: position, lastTime)) }
        let wasOpen = open != nil
        open = nil
        let first = last + 1
        last = now - 1
        guard wasOpen, first < now else { return }
        for number in first..<now {
            done.append(
                RingSegment(
                    number: number, range: position..<position, begin: number * length, end: (number + 1) * length,
                    isDiscontinuous: false, isGap: true, prefix: []))
        }
    }

    private func closed(_ open: Open, at position: UInt64, _ time: Int64) -> RingSegment {
        RingSegment(
            number: open.number, range: open.position..<max(open.position, position), begin: open.begin,
            end: max(open.begin, time), isDiscontinuous: open.isDiscontinuous, isGap: false, prefix: open.prefix)
    }

    private mutating func restart(at now: Int64, _ time: Int64) {
        restarts &+= 1
        (bucket, last, lastTime, open, bucketBegin) = (now, now - 1, time, nil, nil)
        hasPendingDiscontinuity = false
    }
}
