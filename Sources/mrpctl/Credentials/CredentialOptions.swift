import ArgumentParser
import Clockwork
import Credentials
import FoundationEssentials
import Glibc
import OperatorConsole

/// Where keys and certificates are kept.
struct CredentialFolder: ParsableArguments {
    @Option(help: "The folder of keys and certificates; made when it is missing.", completion: .directory)
    var directory = "."

    @Flag(help: "Replace files that are there already.")
    var force = false

    func path(_ file: String) -> String { "\(directory)/\(file)" }

    /// Makes the folder, for its owner alone, unless it is there.
    func prepare() throws {
        do {
            try FileManager.default.createDirectory(
                atPath: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            let cause = (error as? CocoaError)?.underlying as? POSIXError
            let reason = cause.map { String(cString: strerror($0.code.rawValue)) } ?? "\(error)"
            throw ConsoleError(.failed, "cannot make the folder \(directory): \(reason)")
        }
    }

    func read(_ file: String, as kind: CredentialFile.Kind) throws -> String {
        try reporting { () throws(CredentialError) in try CredentialFile.read(path(file), as: kind) }
    }

    func write(_ text: String, to file: String, as kind: CredentialFile.Kind) throws {
        try reporting { () throws(CredentialError) in
            try CredentialFile.write(text, to: path(file), as: kind, replacing: force)
        }
    }

    /// Fails before anything is made when one of `files` is there and may not be replaced.
    func requireAbsent(_ files: String...) throws {
        guard !force, let present = files.first(where: { FileManager.default.fileExists(atPath: path($0)) }) else {
            return
        }
        throw ConsoleError(CredentialError.exists(path: path(present)))
    }
}

extension ConsoleError {
    init(_ error: CredentialError) {
        self.init(.failed, error.description)
    }
}

/// Runs what may fail for a reason that is told to the operator.
func reporting<Value>(_ work: () throws(CredentialError) -> Value) throws(ConsoleError) -> Value {
    do {
        return try work()
    } catch {
        throw ConsoleError(error)
    }
}

extension UnixTime {
    /// In UTC, for people.
    var calendarText: String { Date(timeIntervalSince1970: Double(milliseconds / 1_000)).formatted(.iso8601) }
}
