import Foundation
import LinuxIO

/// The Chrome DevTools Protocol over two pipes with names: JSON messages, each ended by a zero byte, answered by number.
final class DevToolsPipe {
    /// Commands and answers, in that order, as the browser finds them at descriptors 3 and 4.
    let paths: (commands: String, answers: String)
    private let commands: FileDescriptor
    private let answers: FileDescriptor
    private var received: [UInt8] = []
    private var lastNumber = 0
    /// What the page's scripts and its loader complained of.
    private(set) var complaints: [String] = []

    /// Makes the pipes in `folder`; neither end waits for the browser.
    init(folder: String) throws {
        paths = ("\(folder)/commands", "\(folder)/answers")
        for path in [paths.commands, paths.answers] {
            guard mkfifo(path, 0o600) == 0 else {
                throw LabError("mkfifo \(path): \(String(cString: strerror(errno)))")
            }
        }
        commands = try Self.open(paths.commands, O_RDWR)
        answers = try Self.open(paths.answers, O_RDONLY | O_NONBLOCK)
    }

    private static func open(_ path: String, _ flags: CInt) throws -> FileDescriptor {
        let number = Glibc.open(path, flags | O_CLOEXEC)
        guard number >= 0 else { throw LabError("\(path): \(String(cString: strerror(errno)))") }
        return FileDescriptor(owning: number)
    }

    /// Asks and waits for the answer; what else comes meanwhile is noted or passed over.
    func call(
        _ method: String, _ parameters: [String: Any] = [:], session: String?, within limit: Duration = .seconds(20)
    ) throws -> [String: Any] {
        lastNumber += 1
        var message: [String: Any] = ["id": lastNumber, "method": method, "params": parameters]
        if let session { message["sessionId"] = session }
        try send(JSONSerialization.data(withJSONObject: message))
        let end = ContinuousClock.now + limit
        while true {
            let answer = try next(before: end, asked: method)
            guard answer["id"] as? Int == lastNumber else {
                note(answer)
                continue
            }
            if let error = answer["error"] as? [String: Any] {
                throw LabError("\(method): \(error["message"] as? String ?? "\(error)")")
            }
            return answer["result"] as? [String: Any] ?? [:]
        }
    }

    private func send(_ message: Data) throws {
        var rest = ([UInt8](message) + [0])[...]
        while !rest.isEmpty { rest = rest.dropFirst(try commands.write(rest)) }
    }

    private func next(before end: ContinuousClock.Instant, asked method: String) throws -> [String: Any] {
        while true {
            if let zero = received.firstIndex(of: 0) {
                let message = Data(received[..<zero])
                received.removeSubrange(...zero)
                return try JSONSerialization.jsonObject(with: message) as? [String: Any] ?? [:]
            }
            let left = (end - .now) / .milliseconds(1)
            guard left > 0, (try? answers.waitUntilReadable(milliseconds: CInt(left.rounded(.up)))) != nil else {
                throw LabError("the browser does not answer \(method)")
            }
            let part = try answers.read(upTo: 1 << 20)
            guard !part.isEmpty else { throw LabError("the browser is gone") }
            received += part
        }
    }

    private func note(_ event: [String: Any]) {
        let parameters = event["params"] as? [String: Any] ?? [:]
        switch event["method"] as? String {
        case "Runtime.exceptionThrown":
            let details = parameters["exceptionDetails"] as? [String: Any] ?? [:]
            complaints.append("exception: \(details["text"] ?? "") \(details["exception"] ?? "")")
        case "Log.entryAdded":
            let entry = parameters["entry"] as? [String: Any] ?? [:]
            guard entry["level"] as? String == "error" else { return }
            complaints.append("\(entry["text"] ?? "") \(entry["url"] ?? "")")
        default: break
        }
    }
}
