import Authorization
import GRDB

/// Why the server's memory could not be read or changed; printed as it is.
package enum StoreError: Error, Hashable, Sendable, CustomStringConvertible {
    case cannotOpen(path: String, reason: String)
    /// Written by a newer version of this program.
    case newerSchema(path: String)
    case diskFull
    case readOnly
    case locked
    case corrupt(String)
    case unknownSubscriber(String)
    case unknownEntitlement(String, String)
    case tooManySubscribers(limit: Int)
    case tooManyEntitlements(limit: Int)
    case failed(String)

    package var description: String {
        switch self {
        case .cannotOpen(let path, let reason): "cannot open the database \(path): \(reason)"
        case .newerSchema(let path): "the database \(path) was written by a newer version; install that version"
        case .diskFull: "the disk or the database is full: free space, nothing was changed"
        case .readOnly: "the database cannot be written: check its owner and its file system"
        case .locked: "the database is in use by another program"
        case .corrupt(let reason): "the database is damaged: \(reason); restore it from a backup"
        case .unknownSubscriber(let id): "there is no subscriber \(id)"
        case .unknownEntitlement(let id, let scope): "subscriber \(id) has no entitlement to \(scope) itself"
        case .tooManySubscribers(let limit): "the limit of \(limit) subscribers is reached"
        case .tooManyEntitlements(let limit): "a subscriber has at most \(limit) entitlements"
        case .failed(let reason): "the database failed: \(reason)"
        }
    }

    init(_ error: any Error) {
        switch error {
        case let error as StoreError: self = error
        case let error as DatabaseError:
            switch error.resultCode {
            case .SQLITE_FULL: self = .diskFull
            case .SQLITE_IOERR: self = .failed(error.description)
            case .SQLITE_READONLY, .SQLITE_PERM: self = .readOnly
            case .SQLITE_BUSY, .SQLITE_LOCKED: self = .locked
            case .SQLITE_CORRUPT, .SQLITE_NOTADB: self = .corrupt(error.message ?? "not a database")
            default: self = .failed(error.message ?? error.description)
            }
        default: self = .failed("\(error)")
        }
    }
}
