import Foundation
import Lab

/// What `mrp-client` said of itself at its end.
struct ViewerReport {
    let packets: Int
    let lost: Int

    init(file: String) {
        let data = FileManager.default.contents(atPath: file) ?? Data()
        let object = (try? JSONSerialization.jsonObject(with: data)) as? [String: Any] ?? [:]
        packets = object["packets"] as? Int ?? 0
        lost = object["lost"] as? Int ?? -1
    }
}

/// ffprobe's opinion of a recorded transport stream: it reads every packet and names every continuity error.
struct StreamJudge {
    let streams: Int
    let pictures: Int
    let continuityErrors: Int
    let corrupt: Int

    init(file: String) throws {
        let result = try runCommand([
            "ffprobe", "-v", "debug", "-count_packets", "-show_entries", "stream=codec_name,nb_read_packets", "-of",
            "csv=p=0", file,
        ])
        let rows = result.output.split(separator: "\n").map { $0.split(separator: ",") }.filter { $0.count >= 2 }
        let distinct = Dictionary(rows.map { ($0[0], Int($0[1]) ?? 0) }, uniquingKeysWith: max)
        streams = distinct.count
        pictures = distinct["h264"] ?? 0
        continuityErrors = result.errors.components(separatedBy: "Continuity check failed").count - 1
        corrupt = result.errors.components(separatedBy: "Packet corrupt").count - 1
    }

    /// The recording is cut in the middle of a picture and of a sound, so each stream may end in one broken packet.
    var isDecodable: Bool { streams == 2 && pictures > 100 && continuityErrors == 0 && corrupt <= streams }

    var description: String {
        "\(streams) streams, \(pictures) pictures, \(continuityErrors) continuity errors, \(corrupt) corrupt packets"
    }
}
