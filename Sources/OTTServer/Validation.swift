import ControlProtocol
import Wire

extension ProxyRegistration {
    /// Why it cannot be taken; nil when it can.
    var fault: String? {
        guard ChannelKey.isName(name) else { return "the name is none" }
        guard !prefixes.isEmpty else { return "it has no prefix" }
        guard prefixes.count <= Self.maximumPrefixes else { return "more than \(Self.maximumPrefixes) prefixes" }
        guard !address.isMulticast, !address.isUnspecified else { return "\(address) is no address of a host" }
        if let httpBase {
            guard httpBase.hasPrefix("http://") || httpBase.hasPrefix("https://"), httpBase.utf8.count <= 2_048,
                !httpBase.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F })
            else { return "its HTTP base is no http or https URL" }
        }
        return nil
    }
}

extension ProxyReport {
    static let maximumAllocations = 10_000
    static let maximumReplicationPoints = 1_024

    /// Why it cannot be taken; nil when it can.
    var fault: String? {
        guard allocations.count <= Self.maximumAllocations else {
            return "more than \(Self.maximumAllocations) allocations"
        }
        guard replicationPoints.count <= Self.maximumReplicationPoints else {
            return "more than \(Self.maximumReplicationPoints) replication points"
        }
        for point in replicationPoints {
            guard ChannelKey.isName(point.name) else { return "a replication point's name is none" }
            guard point.prefixes.count <= ReplicationPointRegistration.maximumPrefixes else {
                return "replication point \(point.name) has too many prefixes"
            }
        }
        for allocation in allocations {
            guard allocation.serial < UInt64.max / 2 else { return "serial \(allocation.serial) is out of range" }
            guard case .allocated(let resource) = allocation.outcome else { continue }
            if let fault = resource.fault(for: allocation.channel) { return fault }
        }
        return nil
    }
}

extension MulticastResource {
    func fault(for wanted: ChannelKey) -> String? {
        guard channel == wanted else { return "the resource of \(wanted) is that of \(channel)" }
        guard (1...MediaDescription.maximumRenditions).contains(renditions.count) else {
            return "\(channel) has \(renditions.count) renditions"
        }
        for rendition in renditions {
            guard rendition.group.isMulticast else { return "\(rendition.group) is no group" }
            guard !rendition.source.isMulticast, !rendition.source.isUnspecified else {
                return "\(rendition.source) is no source"
            }
            guard rendition.port != 0, rendition.port.isMultiple(of: 2) else {
                return "port \(rendition.port) is not even"
            }
        }
        return nil
    }
}
