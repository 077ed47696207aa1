import Clockwork

// Reloading the list (RFC 8216 §6.3.4), and what a new list means beside the last one.
extension HLSFetchPlan {
    private var playlistTimeout: Duration { max(targetDuration, .seconds(3)) }

    private var staleAfter: Duration { targetDuration * configuration.staleTargetDurations }

    mutating func advanceReload(_ now: Instant, _ actions: inout [Action]) {
        switch reload {
        case .due(let instant) where instant <= now:
            let id = makeID()
            reload = .loading(id, since: now, until: now + playlistTimeout)
            actions.append(.fetchPlaylist(id, location))
        case .loading(let id, _, let until) where until <= now:
            counters.timeouts += 1
            actions.append(.cancel(id))
            playlistFailed(id, .timedOut, now, &actions)
        case .due, .loading, .stopped:
            break
        }
        guard !isStale, playlist?.hasEnded == false, now - lastNews > staleAfter else { return }
        isStale = true
        counters.staleEpisodes += 1
        actions.append(.report(.listStale))
    }

    mutating func playlistFailed(
        _ id: FetchID, _ failure: FetchFailure, _ now: Instant, _ actions: inout [Action]
    ) {
        guard case .loading(id, _, _) = reload else { return }
        counters.playlistFailures += 1
        counters.failures[failure.kind, default: 0] += 1
        actions.append(.report(.fetchFailed(location, failure)))
        retryReload(now)
    }

    mutating func playlistLoaded(
        _ id: FetchID, _ bytes: [UInt8], _ base: MediaLocation, _ now: Instant, _ actions: inout [Action]
    ) {
        guard case .loading(id, let since, _) = reload else { return }
        let list: MediaPlaylist
        do {
            switch try Playlist(parsing: bytes, at: base) {
            case .media(let media): list = media
            case .master: return refuse(.masterPlaylist, now, &actions)
            }
        } catch {
            return refuse(.playlistRefused(error), now, &actions)
        }
        if let obstacle = obstacle(in: list) { return refuse(.unsuitable(obstacle), now, &actions) }
        counters.playlistsLoaded += 1
        consecutivePlaylistFailures = 0
        let isNews = accept(list, now, &actions)
        if list.hasEnded, playlist?.hasEnded == true {
            reload = .stopped
        } else {
            reload = .due(max(since + list.targetDuration / (isNews ? 1 : 2), now))
        }
    }

    private func obstacle(in list: MediaPlaylist) -> MulticastObstacle? {
        if let obstacle = list.obstacle { return obstacle }
        return configuration.decrypts ? nil : list.encryptedLine.map { .encrypted(method: "AES-128", line: $0) }
    }

    private mutating func refuse(_ event: Event, _ now: Instant, _ actions: inout [Action]) {
        counters.playlistsRefused += 1
        actions.append(.report(event))
        retryReload(now)
    }

    private mutating func retryReload(_ now: Instant) {
        consecutivePlaylistFailures += 1
        let limit = playlist == nil ? configuration.longestRetryDelay : targetDuration
        reload = .due(now + retryDelay(afterFailures: consecutivePlaylistFailures, limit: limit))
    }

    /// Takes a list in; whether it says anything new.
    private mutating func accept(_ list: MediaPlaylist, _ now: Instant, _ actions: inout [Action]) -> Bool {
        guard let last = playlist else {
            playlist = list
            nextSequence = startSequence(in: list)
            noteNews(now, &actions)
            return true
        }
        guard list != last else {
            counters.playlistsUnchanged += 1
            return false
        }
        if isBehind(list, last) {
            guard isRestart(list, after: last, now) else {
                counters.playlistsOlder += 1
                olderList = olderList ?? list
                return false
            }
            restart(with: list, &actions)
        } else {
            playlist = list
            noteDeparted(from: last, &actions)
        }
        noteNews(now, &actions)
        return true
    }

    private mutating func noteNews(_ now: Instant, _ actions: inout [Action]) {
        lastNews = now
        olderList = nil
        guard isStale else { return }
        isStale = false
        actions.append(.report(.listRecovered))
    }

    /// The first segment to play: at least `startTargetDurations` from the end of a live list, the first of an ended one.
    private func startSequence(in list: MediaPlaylist) -> Int64 {
        guard !list.hasEnded else { return list.mediaSequence }
        let wanted = list.targetDuration * configuration.startTargetDurations
        var distance = Duration.zero
        for segment in list.segments.reversed() {
            distance += segment.duration
            if distance >= wanted { return segment.sequence }
        }
        return list.mediaSequence
    }

    private func isBehind(_ list: MediaPlaylist, _ last: MediaPlaylist) -> Bool {
        list.endSequence < last.endSequence
    }

    /// A list that goes back is either an old copy from some cache, or an encoder that began again. A copy holds the
    /// same segments under the same numbers; and a copy that lives on while nothing newer comes is no copy.
    private func isRestart(_ list: MediaPlaylist, after last: MediaPlaylist, _ now: Instant) -> Bool {
        let overlap =
            max(
                list.mediaSequence, last.mediaSequence)..<max(
                list.endSequence, max(list.mediaSequence, last.mediaSequence))
        guard !overlap.isEmpty else { return true }
        for sequence in overlap {
            let mine = list.segments[Int(sequence - list.mediaSequence)]
            let theirs = last.segments[Int(sequence - last.mediaSequence)]
            // Queries may carry a token that changes with every request.
            guard mine.location.path == theirs.location.path, mine.duration == theirs.duration else { return true }
        }
        return olderList.map { $0 != list } == true && now - lastNews > staleAfter
    }

    private mutating func restart(with list: MediaPlaylist, _ actions: inout [Action]) {
        counters.encoderRestarts += 1
        actions.append(.report(.encoderRestarted))
        playlist = list
        nextSequence = startSequence(in: list)
        abandonIncomplete(&actions)
        upcomingDiscontinuity = true
        upcomingLoss = .zero
    }

    /// Segments that left the list before they were asked for are lost (RFC 8216 §6.2.2 keeps them fetchable for a
    /// while, but by then the output has passed them).
    private mutating func noteDeparted(from last: MediaPlaylist, _ actions: inout [Action]) {
        guard let playlist, let next = nextSequence else { return }
        markDeparted(before: playlist.mediaSequence)
        guard next < playlist.mediaSequence else { return }
        let count = playlist.mediaSequence - next
        counters.segmentsMissed &+= UInt64(count)
        actions.append(.report(.segmentsMissed(count: count)))
        upcomingLoss += playlist.targetDuration * Int(min(count, 10_000))
        // A discontinuity among them shows in the numbers alone.
        if playlist.discontinuities(before: playlist.mediaSequence) > last.discontinuities(before: next) {
            upcomingDiscontinuity = true
        }
        nextSequence = playlist.mediaSequence
    }
}
