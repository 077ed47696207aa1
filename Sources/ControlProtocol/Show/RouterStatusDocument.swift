/// `show status`: the router in numbers.
package struct RouterStatusDocument: Codable, Hashable, Sendable {
    package static let schemaName = "mrp.router-status/1"

    package var schema = RouterStatusDocument.schemaName
    /// Seconds since this process started.
    package var upTime: Double
    /// Seconds for which entries found at the start may still wait for their members; nil when that is over.
    package var adoptionLeft: Double?
    package var owners: [OwnerEntry]
    package var authorizations: Int
    package var trees: Int
    package var memberships: Int
    package var refusedMemberships: Int
    package var installedEntries: Int
    /// Changes that the kernel has not confirmed yet.
    package var pendingEntries: Int

    package init(
        upTime: Double, adoptionLeft: Double?, owners: [OwnerEntry], authorizations: Int, trees: Int,
        memberships: Int, refusedMemberships: Int, installedEntries: Int, pendingEntries: Int
    ) {
        self.upTime = upTime
        self.adoptionLeft = adoptionLeft
        self.owners = owners
        self.authorizations = authorizations
        self.trees = trees
        self.memberships = memberships
        self.refusedMemberships = refusedMemberships
        self.installedEntries = installedEntries
        self.pendingEntries = pendingEntries
    }
}

package struct OwnerEntry: Codable, Hashable, Sendable {
    package var owner: String
    package var connected: Bool
    package var items: Int
    package var epoch: String?
    package var revision: UInt64?

    package init(owner: String, connected: Bool, items: Int, epoch: String?, revision: UInt64?) {
        self.owner = owner
        self.connected = connected
        self.items = items
        self.epoch = epoch
        self.revision = revision
    }
}
