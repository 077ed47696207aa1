import CSystemShims
import Clockwork
import Glibc
import LinuxIO
import MPEGTS
import RTP
import UnicastDelivery

// Connections: who comes, what each is sent, who goes.
extension UnicastLoop {
    /// One viewer's share before the others have their turn.
    private static let turnBytes: UInt64 = 512 << 10
    /// Who comes so near to the oldest byte is taken for fallen out.
    private static let safetyBytes: UInt64 = 64 << 10
    /// A socket holds no more than this that was not acknowledged, by the kernel's count twice as much.
    private static let socketBuffer: CInt = 512 << 10

    // MARK: Coming

    func join(_ request: ViewerConnection) {
        let now = MonotonicClock.now()
        guard !closed.contains(request.session) else { return request.ended(0, .sessionClosed) }
        guard let (index, stream) = stream(request.stream, now) else { return request.ended(0, .refused) }
        var descriptor: CInt = -1
        do throws(SystemError) {
            let socket = try request.descriptor.descriptor.duplicate()
            try socket.setNonBlocking()
            try socket.setOption(CInt(IPPROTO_TCP), TCP_NODELAY, 1)
            try socket.setOption(SOL_SOCKET, SO_SNDBUF, Self.socketBuffer)
            descriptor = socket.release()
        } catch {
            return request.ended(0, .left)
        }
        let viewer = Viewer(
            socket: descriptor, generation: 0, stream: Int32(index), rank: Int32(stream.viewers.count),
            flags: request.isBurst ? [.waiting, .framed] : .waiting, position: 0, bytes: 0, progress: now)
        let owner = ViewerOwner(
            session: request.session, rendition: request.rendition, began: now, pending: request.head,
            ended: request.ended)
        guard let slot = table.insert(viewer, owner) else {
            counters.viewersRefused &+= 1
            Glibc.close(descriptor)
            return request.ended(0, .refused)
        }
        stream.viewers.append(Int32(slot))
        counters.viewers &+= 1
        do throws(SystemError) {
            try poller.add(descriptor, name: table.name(slot))
        } catch {
            return close(slot, .left)
        }
        push(slot, stream, now)
    }

    // MARK: Serving

    /// Sends every viewer of a stream what it lacks before `head`.
    func serve(_ stream: UnicastStream, upTo head: UInt64, _ now: Instant) {
        if head > stream.servedHead {
            stream.servedHead = head
            stream.servedAt = now
        }
        stream.hasBacklog = false
        stream.hasWaitingViewers = false
        let danger = stream.feed.index.tail + Self.safetyBytes
        let memory = stream.feed.memory
        // From the end, because whoever goes is replaced by the last.
        var rank = stream.viewers.count
        while rank > 0 {
            rank -= 1
            let slot = Int(stream.viewers[rank])
            let viewer = table[slot]
            if viewer.pointee.flags.isEmpty, viewer.pointee.position >= danger || danger <= Self.safetyBytes {
                send(viewer, slot, memory, head, stream, now)
            } else {
                attend(viewer, slot, stream, danger, now)
            }
        }
    }

    /// As `serve`, for one.
    private func push(_ slot: Int, _ stream: UnicastStream, _ now: Instant) {
        let viewer = table[slot]
        let danger = stream.feed.index.tail + Self.safetyBytes
        if viewer.pointee.flags.isEmpty, viewer.pointee.position >= danger || danger <= Self.safetyBytes {
            send(viewer, slot, stream.feed.memory, stream.feed.index.head, stream, now)
        } else {
            attend(viewer, slot, stream, danger, now)
        }
    }

    @inline(__always)
    private func send(
        _ viewer: UnsafeMutablePointer<Viewer>, _ slot: Int, _ memory: RingMemory, _ head: UInt64,
        _ stream: UnicastStream, _ now: Instant
    ) {
        var turn = Self.turnBytes
        while viewer.pointee.position < head {
            guard turn > 0 else {
                stream.hasBacklog = true
                return
            }
            // To the end of a page, so that the next send begins with a whole one.
            let position = viewer.pointee.position
            let wanted = min(head - position, Self.batchBytes - position % Self.pageBytes)
            let sent = memory.send(to: viewer.pointee.socket, from: position, count: wanted)
            guard sent > 0 else { return fail(viewer, slot, sent) }
            let count = UInt64(sent)
            viewer.pointee.position += count
            viewer.pointee.bytes += count
            viewer.pointee.progress = now
            turn -= min(turn, count)
        }
    }

    /// What a send that took nothing means.
    func fail(_ viewer: UnsafeMutablePointer<Viewer>, _ slot: Int, _ result: Int64) {
        if result == -Int64(EAGAIN) {
            viewer.pointee.flags.insert(.blocked)
        } else if result != -Int64(EINTR) {
            close(slot, .left)
        }
    }

    /// Whoever does not simply go on.
    private func attend(
        _ viewer: UnsafeMutablePointer<Viewer>, _ slot: Int, _ stream: UnicastStream, _ danger: UInt64, _ now: Instant
    ) {
        if !viewer.pointee.flags.contains(.waiting), !viewer.pointee.flags.contains(.jumping),
            danger > Self.safetyBytes, viewer.pointee.position < danger
        {
            guard fallBehind(viewer, slot, stream) else { return }
        }
        guard !viewer.pointee.flags.contains(.blocked) else { return }
        if viewer.pointee.flags.contains(.waiting) {
            guard begin(viewer, slot, stream) else { return }
        }
        while viewer.pointee.flags.contains(.pending) || viewer.pointee.flags.contains(.jumping) {
            if viewer.pointee.flags.contains(.pending) {
                guard sendPending(viewer, slot, now) else { return }
            } else {
                guard jump(viewer, slot, stream) else { return }
            }
        }
        if viewer.pointee.flags.contains(.framed) {
            sendFrames(viewer, slot, stream, now)
        } else {
            send(viewer, slot, stream.feed.memory, stream.feed.index.head, stream, now)
        }
    }

    /// Puts the response's head and the tables before the newest random-access point.
    private func begin(_ viewer: UnsafeMutablePointer<Viewer>, _ slot: Int, _ stream: UnicastStream) -> Bool {
        guard let entry = stream.feed.index.liveEntry else {
            stream.hasWaitingViewers = true
            return false
        }
        let isFramed = viewer.pointee.flags.contains(.framed)
        // A burst repeats whole packets as they came, also those that stand in the first one before the tables.
        let first = isFramed ? stream.feed.index.packet(containing: entry.position)?.position : nil
        viewer.pointee.position = first ?? entry.position
        table.updateOwner(slot) { if !isFramed { $0.pending += entry.prefix } }
        viewer.pointee.flags.remove(.waiting)
        viewer.pointee.flags.insert(.pending)
        return true
    }

    func sendPending(_ viewer: UnsafeMutablePointer<Viewer>, _ slot: Int, _ now: Instant) -> Bool {
        var sent: Int64 = 0
        table.updateOwner(slot) { owner in
            guard !owner.pending.isEmpty else { return }
            sent = owner.pending.withUnsafeBytes {
                mrp_stream_send(viewer.pointee.socket, $0.baseAddress, UInt64($0.count), true)
            }
            if sent > 0 { owner.pending.removeFirst(Int(sent)) }
            if owner.pending.isEmpty { viewer.pointee.flags.remove(.pending) }
        }
        if sent < 0 {
            fail(viewer, slot, sent)
            return false
        }
        if sent == 0 { viewer.pointee.flags.remove(.pending) }
        viewer.pointee.progress = now
        return true
    }

    // MARK: Too slow

    /// Keeps what is left of the packet that was sent in part, so that the jump comes between two.
    /// - Returns: false when the viewer is gone.
    private func fallBehind(
        _ viewer: UnsafeMutablePointer<Viewer>, _ slot: Int, _ stream: UnicastStream
    ) -> Bool {
        guard configuration.slowViewer == .advance, !viewer.pointee.flags.contains(.framed) else {
            close(slot, .tooSlow)
            return false
        }
        let size = UInt64(TransportPacket.size)
        let boundary = (viewer.pointee.position + size - 1) / size * size
        if viewer.pointee.position < boundary {
            guard let rest = stream.feed.memory.copy(viewer.pointee.position..<boundary) else {
                close(slot, .tooSlow)
                return false
            }
            table.updateOwner(slot) { $0.pending += rest }
            viewer.pointee.flags.insert(.pending)
            viewer.pointee.position = boundary
        }
        viewer.pointee.flags.insert(.jumping)
        return true
    }

    private func jump(_ viewer: UnsafeMutablePointer<Viewer>, _ slot: Int, _ stream: UnicastStream) -> Bool {
        guard let entry = stream.feed.index.entry(ahead: viewer.pointee.position) else { return false }
        counters.viewersAdvanced &+= 1
        counters.bytesSkipped &+= entry.position - viewer.pointee.position
        viewer.pointee.position = entry.position
        table.updateOwner(slot) { $0.pending += entry.prefixAfterJump }
        viewer.pointee.flags.remove(.jumping)
        viewer.pointee.flags.insert(.pending)
        return true
    }

    // MARK: Going

    func hearViewers() {
        let now = MonotonicClock.now()
        poller.poll { event in
            guard let slot = table.slot(named: event.name) else { return }
            if event.hasEnded { return close(slot, .left) }
            let viewer = table[slot]
            viewer.pointee.flags.remove(.blocked)
            guard let stream = streams[Int(viewer.pointee.stream)] else { return }
            push(slot, stream, now)
        }
    }

    func close(session: UInt64) {
        closed.insert(session)
        for slot in 0..<table.used where table.owners[slot]?.session == session { close(slot, .sessionClosed) }
    }

    /// Once a second for each: who takes nothing goes, who never got anything is told so.
    func inspect(_ slot: Int, _ now: Instant) {
        let viewer = table[slot]
        guard let owner = table.owners[slot] else { return }
        if viewer.pointee.flags.contains(.blocked), now - viewer.pointee.progress >= configuration.stallTimeout {
            return close(slot, .stalled)
        }
        if viewer.pointee.flags.contains(.waiting), now - owner.began >= configuration.startTimeout {
            return close(slot, .noMedia)
        }
        if viewer.pointee.flags.contains(.framed), now - owner.began >= configuration.burstLimit {
            return close(slot, .complete)
        }
        let bytes = viewer.pointee.bytes
        table.updateOwner(slot) { $0.meter.note(bytes, at: now) }
    }

    func close(_ slot: Int, _ reason: ViewerEnd) {
        let viewer = table[slot].pointee
        guard let owner = table.remove(slot) else { return }
        if let stream = streams[Int(viewer.stream)] {
            let rank = Int(viewer.rank)
            stream.viewers.swapAt(rank, stream.viewers.count - 1)
            stream.viewers.removeLast()
            if rank < stream.viewers.count { table[Int(stream.viewers[rank])].pointee.rank = viewer.rank }
            stream.lastUsed = MonotonicClock.now()
        }
        if reason == .noMedia {
            _ = Self.noMediaAnswer.withUnsafeBytes {
                mrp_stream_send(viewer.socket, $0.baseAddress, UInt64($0.count), false)
            }
        } else if reason != .complete, reason != .left {
            // What is queued is not to be seen any more, or never will be.
            _ = mrp_stream_reset_on_close(viewer.socket)
        }
        poller.remove(viewer.socket)
        Glibc.close(viewer.socket)
        counters.ends[reason.rawValue, default: 0] &+= 1
        owner.ended(viewer.bytes, reason)
    }

    private static let noMediaAnswer: [UInt8] = {
        let body =
            #"{"code":"no-media","detail":"Try again; the channel may be starting.","status":504,"#
            + #""title":"Nothing of the stream has arrived."}"#
        let head =
            "HTTP/1.1 504 Gateway Timeout\r\nContent-Type: application/problem+json\r\n"
            + "Content-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n"
        return Array((head + body).utf8)
    }()
}
