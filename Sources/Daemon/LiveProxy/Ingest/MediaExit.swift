import ControlProtocol
import Glibc
import LiveProxy
import MRPConfiguration
import MediaIO
import Wire

/// How media leave this host, as the configuration says.
struct MediaExit: Sendable {
    let configuration: MediaSourceConfiguration

    /// The interface media leave by now; nil while there is none of that name: the router makes it.
    var interface: InterfaceIndex? {
        let index = if_nametoindex(configuration.interface)
        return index == 0 ? nil : InterfaceIndex(index)
    }

    func output(to resource: RenditionResource, by interface: InterfaceIndex) -> RenditionOutput {
        var output = RenditionOutput(
            source: resource.source, group: resource.group, port: resource.port, interface: interface,
            ttl: UInt8(clamping: configuration.ttl), dscp: UInt8(clamping: configuration.dscp),
            mtu: configuration.mtu)
        output.fec = resource.fec?.matrix
        return output
    }

    /// One sender for all renditions.
    func makeSender(journal: RenditionJournal?) throws -> MediaSender {
        var configuration = MediaSender.Configuration()
        configuration.pacing.trainSpan = self.configuration.trainSpan
        return try MediaSender(configuration: configuration, journal: journal)
    }
}

extension MediaSender {
    /// What every rendition has sent, and where its stream is.
    var reports: [MediaStreamID: RenditionReport] {
        get async { await withCheckedContinuation { continuation in reports { continuation.resume(returning: $0) } } }
    }

    /// Ends a rendition; its last report, unless it is gone already.
    func finish(_ stream: MediaStreamID) async -> RenditionReport? {
        await withCheckedContinuation { continuation in
            remove(stream) { continuation.resume(returning: $0) }
        }
    }
}
