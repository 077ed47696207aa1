import ControlSocket
import LinuxIO
import MRPConfiguration

/// Opens a role's control socket.
func openConsole(
    of console: some RoleConsole, role: Role, path: String, group: String?
) throws(StartError) -> RoleControlService {
    do throws(ControlSocketError) {
        return try console.serve(path: path, group: group)
    } catch {
        throw .controlSocket(role, "\(error)")
    }
}

/// Prepares the link to the router on this host; its events come in order by the stream.
func openRouter(
    _ path: String, owner role: Role
) throws(StartError) -> (RouterLink, AsyncStream<RouterLinkEvent>) {
    let (stream, continuation) = AsyncStream.makeStream(of: RouterLinkEvent.self)
    do throws(SystemError) {
        let link = try RouterLink(path: path, owner: role.rawValue) { continuation.yield($0) }
        return (link, stream)
    } catch {
        throw .router(role, "\(error)")
    }
}
