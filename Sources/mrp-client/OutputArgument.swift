import ArgumentParser
import LinuxIO
import MediaIO
import Wire

/// `-`, `udp://ADDRESS:PORT` or a file.
enum OutputArgument: ExpressibleByArgument {
    case standardOutput
    case udp(IPAddress, UInt16)
    case file(String)

    init?(argument: String) {
        if argument == "-" {
            self = .standardOutput
        } else if argument.hasPrefix("udp://") {
            let rest = argument.dropFirst("udp://".count)
            guard let colon = rest.lastIndex(of: ":"), let port = UInt16(rest[rest.index(after: colon)...]), port > 0,
                let address = IPAddress(rest[..<colon])
            else { return nil }
            self = .udp(address, port)
        } else {
            guard !argument.isEmpty else { return nil }
            self = .file(argument)
        }
    }

    func open() throws -> MediaSink {
        do throws(SystemError) {
            switch self {
            case .standardOutput: return try MediaSink(try FileDescriptor.duplicatingStandardOutput())
            case .udp(let address, let port): return try MediaSink(udp: SocketAddress(address, port: port))
            case .file(let path): return try MediaSink(file: path)
            }
        } catch {
            throw ClientFailure(.failed, "the output cannot be opened: \(error)")
        }
    }
}

extension FileDescriptor {
    fileprivate static func duplicatingStandardOutput() throws(SystemError) -> FileDescriptor {
        let borrowed = FileDescriptor(owning: 1)
        let copy: FileDescriptor
        do throws(SystemError) {
            copy = try borrowed.duplicate()
        } catch {
            _ = borrowed.release()
            throw error
        }
        _ = borrowed.release()
        return copy
    }
}
