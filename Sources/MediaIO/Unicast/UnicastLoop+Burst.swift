import CSystemShims
import Clockwork
import LinuxIO
import RTP
import UnicastDelivery

// A burst for fast channel change: the very RTP packets that were multicast, each behind its length (RFC 4571), so that a
// client can go over to the group by their sequence numbers.
extension UnicastLoop {
    /// Frames are put together up to this before they are sent.
    private static let framesBytes = 64 << 10
    private static let framesPerTurn = 16

    func sendFrames(
        _ viewer: UnsafeMutablePointer<Viewer>, _ slot: Int, _ stream: UnicastStream, _ now: Instant
    ) {
        for _ in 0..<Self.framesPerTurn {
            let begin = viewer.pointee.position
            let end = gatherFrames(from: begin, of: stream)
            guard end > begin else { return }
            let sent = scratch.withUnsafeBytes {
                mrp_stream_send(viewer.pointee.socket, $0.baseAddress, UInt64($0.count), false)
            }
            guard sent > 0 else { return fail(viewer, slot, sent) }
            viewer.pointee.position = end
            viewer.pointee.bytes += UInt64(sent)
            viewer.pointee.progress = now
            guard Int(sent) < scratch.count else { continue }
            let rest = Array(scratch[Int(sent)...])
            table.updateOwner(slot) { $0.pending = rest }
            viewer.pointee.flags.insert(.pending)
            // Tried once more: the kernel says when there is room only to whom it has refused.
            guard sendPending(viewer, slot, now), !viewer.pointee.flags.contains(.pending) else { return }
        }
        stream.hasBacklog = true
    }

    /// Fills `scratch` with whole frames from `position` on; answers where they end.
    private func gatherFrames(from position: UInt64, of stream: UnicastStream) -> UInt64 {
        scratch.removeAll(keepingCapacity: true)
        var next = position
        while scratch.count < Self.framesBytes, let packet = stream.feed.index.packet(containing: next) {
            let size = RTPHeader.size + packet.length
            let start = scratch.count
            scratch.append(UInt8(truncatingIfNeeded: size >> 8))
            scratch.append(UInt8(truncatingIfNeeded: size))
            for _ in 0..<RTPHeader.size { scratch.append(0) }
            packet.header.write(into: &scratch, at: start + 2)
            guard stream.feed.memory.append(packet.position..<packet.end, to: &scratch) else {
                scratch.removeLast(scratch.count - start)
                break
            }
            next = packet.end
        }
        return next
    }
}
