import NIOCore

/// Cuts a stream of bytes into lines.
struct LineSplitter {
    /// Longer lines are refused: it holds a snapshot of the largest feed there may be.
    static let defaultMaximumBytes = 256 << 20

    let maximumBytes: Int
    private var pending = ByteBuffer()
    /// Bytes of `pending` that are known to hold no line end.
    private var scanned = 0

    init(maximumBytes: Int = LineSplitter.defaultMaximumBytes) {
        self.maximumBytes = maximumBytes
    }

    /// False when a line is longer than it may be.
    mutating func append(_ bytes: ByteBuffer) -> Bool {
        var bytes = bytes
        pending.writeBuffer(&bytes)
        return pending.readableBytes - scanned <= maximumBytes
    }

    /// The next whole line without its end.
    mutating func next() -> String? {
        let view = pending.readableBytesView
        guard let end = view.dropFirst(scanned).firstIndex(of: 0x0A) else {
            scanned = view.count
            return nil
        }
        let length = end - view.startIndex
        let line = pending.readString(length: length)
        pending.moveReaderIndex(forwardBy: 1)
        pending.discardReadBytes()
        scanned = 0
        return line
    }
}
