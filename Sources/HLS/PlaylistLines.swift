/// Cuts a playlist into lines (LF or CRLF) within the limits of `Playlist`.
enum PlaylistLines {
    static func forEach(
        in bytes: [UInt8], _ body: (Substring, Int) throws(PlaylistError) -> Void
    ) throws(PlaylistError) {
        guard bytes.count <= Playlist.maximumBytes else {
            throw PlaylistError(line: 0, .tooLarge(limit: Playlist.maximumBytes))
        }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw PlaylistError(line: 0, .notUTF8) }
        guard !bytes.starts(with: [0xEF, 0xBB, 0xBF]) else { throw PlaylistError(line: 1, .byteOrderMark) }
        var number = 0
        var start = text.utf8.startIndex
        while start < text.utf8.endIndex {
            number += 1
            guard number <= Playlist.maximumLines else {
                throw PlaylistError(line: number, .tooManyLines(limit: Playlist.maximumLines))
            }
            let end = text.utf8[start...].firstIndex(of: 0x0A) ?? text.utf8.endIndex
            var line = text[start..<end].utf8
            if line.last == 0x0D { line.removeLast() }
            guard line.allSatisfy({ ($0 >= 0x20 || $0 == 0x09) && $0 != 0x7F }) else {
                throw PlaylistError(line: number, .controlCharacter)
            }
            try body(Substring(line), number)
            start = end < text.utf8.endIndex ? text.utf8.index(after: end) : end
        }
        if number == 0 { throw PlaylistError(line: 1, .missingHeader) }
    }
}
