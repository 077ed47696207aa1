import Clockwork

/// A segment on its way from the list to the sender.
struct QueuedSegment: Hashable, Sendable {
    enum State: Hashable, Sendable {
        case waiting(until: Instant)
        case loading(HLSFetchPlan.FetchID, until: Instant)
        case complete(HLSFetchPlan.FetchID)
        case lost
    }

    let segment: MediaPlaylist.Segment
    let isDiscontinuous: Bool
    let missingBefore: Duration
    var state: State
    var failures = 0
}

// Downloading segments, at most two at once, and handing them on in order.
extension HLSFetchPlan {
    /// So long before the output runs dry a segment that keeps failing is given up.
    private static let skipMargin = Duration.milliseconds(500)

    private static let failuresBeforeSkip = 2

    private var lead: Duration { max(configuration.maximumLead, targetDuration * 4) }

    private var segmentTimeout: Duration { max(targetDuration * 3, .seconds(5)) }

    var segmentDeadline: Instant? {
        var earliest: Instant?
        for entry in queue {
            switch entry.state {
            case .waiting(let until) where downloads < configuration.maximumDownloads:
                earliest = .earliest(earliest, max(until, roomAt))
            case .loading(_, let until): earliest = .earliest(earliest, until)
            case .waiting, .complete, .lost: break
            }
        }
        return isSkipCandidate ? .earliest(earliest, playoutEnd - Self.skipMargin) : earliest
    }

    private var downloads: Int {
        queue.count { if case .loading = $0.state { true } else { false } }
    }

    /// When the lead over real time will have shrunk enough for another segment.
    private var roomAt: Instant {
        var ahead = Duration.zero
        for entry in queue {
            switch entry.state {
            case .loading, .complete: ahead += entry.segment.duration
            case .waiting, .lost: break
            }
        }
        return playoutEnd + ahead - lead
    }

    mutating func fillQueue(_ actions: inout [Action]) {
        guard let playlist, var next = nextSequence else { return }
        while queue.count < configuration.maximumQueuedSegments, next < playlist.endSequence {
            let segment = playlist.segments[Int(next - playlist.mediaSequence)]
            next += 1
            if segment.isGap {
                counters.segmentsDeclaredMissing += 1
                upcomingLoss += segment.duration
                upcomingDiscontinuity = upcomingDiscontinuity || segment.isDiscontinuous
                continue
            }
            queue.append(
                QueuedSegment(
                    segment: segment, isDiscontinuous: segment.isDiscontinuous || upcomingDiscontinuity,
                    missingBefore: upcomingLoss, state: .waiting(until: Instant(nanoseconds: .min))))
            upcomingDiscontinuity = false
            upcomingLoss = .zero
        }
        nextSequence = next
    }

    mutating func startDownloads(_ now: Instant, _ actions: inout [Action]) {
        var running = downloads
        for index in queue.indices {
            guard running < configuration.maximumDownloads else { return }
            guard case .waiting(let until) = queue[index].state, until <= now, roomAt <= now else { continue }
            let id = makeID()
            let segment = queue[index].segment
            queue[index].state = .loading(id, until: now + segmentTimeout)
            running += 1
            actions.append(
                .fetchSegment(
                    SegmentRequest(
                        id: id, location: segment.location, byteRange: segment.byteRange, sequence: segment.sequence,
                        maximumBytes: configuration.maximumSegmentBytes, key: segment.key)))
        }
    }

    mutating func segmentCompleted(_ id: FetchID, _ bytes: Int, _ actions: inout [Action]) {
        guard let index = index(loading: id) else { return actions.append(.discard(id)) }
        counters.segmentBytes += UInt64(max(bytes, 0))
        queue[index].state = .complete(id)
    }

    mutating func segmentFailed(
        _ id: FetchID, _ failure: FetchFailure, _ now: Instant, _ actions: inout [Action]
    ) {
        guard let index = index(loading: id) else { return }
        counters.segmentFailures += 1
        counters.failures[failure.kind, default: 0] += 1
        // A request that hung has cost as much as several quick refusals.
        queue[index].failures += failure == .timedOut ? Self.failuresBeforeSkip : 1
        actions.append(.report(.fetchFailed(queue[index].segment.location, failure)))
        let limit = min(configuration.longestRetryDelay, targetDuration)
        queue[index].state = .waiting(
            until: now + retryDelay(afterFailures: queue[index].failures, limit: limit))
        if let playlist, queue[index].segment.sequence < playlist.mediaSequence {
            markDeparted(before: playlist.mediaSequence)
        }
    }

    mutating func expireDownloads(_ now: Instant, _ actions: inout [Action]) {
        for entry in queue {
            guard case .loading(let id, let until) = entry.state, until <= now else { continue }
            counters.timeouts += 1
            actions.append(.cancel(id))
            segmentFailed(id, .timedOut, now, &actions)
        }
    }

    private func index(loading id: FetchID) -> Int? {
        queue.firstIndex { if case .loading(id, _) = $0.state { true } else { false } }
    }

    /// Whoever waits for a retry and is no longer offered is lost; running downloads may finish.
    mutating func markDeparted(before sequence: Int64) {
        for index in queue.indices where queue[index].segment.sequence < sequence {
            guard case .waiting = queue[index].state else { continue }
            queue[index].state = .lost
            counters.segmentsMissed += 1
        }
    }

    /// Keeps what is complete at the head; the rest belongs to an encoder that is gone.
    mutating func abandonIncomplete(_ actions: inout [Action]) {
        let keep = queue.prefix { if case .complete = $0.state { true } else { false } }
        for entry in queue.dropFirst(keep.count) {
            switch entry.state {
            case .loading(let id, _): actions.append(.cancel(id))
            case .complete(let id): actions.append(.discard(id))
            case .waiting, .lost: break
            }
        }
        queue = Array(keep)
    }

    // MARK: Delivery

    mutating func deliver(_ now: Instant, _ actions: inout [Action]) {
        while let head = queue.first {
            switch head.state {
            case .complete(let id):
                queue.removeFirst()
                deliver(head, id, now, &actions)
            case .lost:
                giveUpHead()
            case .waiting where isSkipCandidate && playoutEnd - Self.skipMargin <= now:
                counters.segmentsSkipped += 1
                actions.append(.report(.segmentSkipped(sequence: head.segment.sequence)))
                giveUpHead()
            case .waiting, .loading:
                return
            }
        }
    }

    /// The head has failed, a retry as well, and something after it is ready.
    private var isSkipCandidate: Bool {
        guard let head = queue.first, case .waiting = head.state,
            head.failures >= Self.failuresBeforeSkip
        else { return false }
        return queue.contains { if case .complete = $0.state { true } else { false } }
    }

    private mutating func deliver(
        _ entry: QueuedSegment, _ id: FetchID, _ now: Instant, _ actions: inout [Action]
    ) {
        counters.segmentsDelivered += 1
        if entry.isDiscontinuous { counters.discontinuities += 1 }
        // The sender keeps lost media as silence, so that the programme's clock goes on, unless the time base changes.
        let silence = entry.isDiscontinuous ? Duration.zero : entry.missingBefore
        playoutEnd = max(playoutEnd + silence, now) + entry.segment.duration
        actions.append(
            .deliver(
                Delivery(
                    id: id, sequence: entry.segment.sequence, duration: entry.segment.duration,
                    isDiscontinuous: entry.isDiscontinuous, missingBefore: entry.missingBefore,
                    programDateTime: entry.segment.programDateTime)))
    }

    /// Drops the head and tells its successor what it stands behind.
    private mutating func giveUpHead() {
        let head = queue.removeFirst()
        let missing = head.missingBefore + head.segment.duration
        guard let next = queue.first else {
            upcomingLoss += missing
            upcomingDiscontinuity = upcomingDiscontinuity || head.isDiscontinuous
            return
        }
        queue[0] = QueuedSegment(
            segment: next.segment, isDiscontinuous: next.isDiscontinuous || head.isDiscontinuous,
            missingBefore: next.missingBefore + missing, state: next.state, failures: next.failures)
    }
}
