import ControlProtocol
import Wire

/// Groups to give out, and how.
package struct GroupPool: Hashable, Sendable {
    package var name: String
    package var layout: ResourceLayout
    package var addressing: AddressingMode
    package var groups: IPPrefix
    /// Even; the renditions of a shared group follow in steps of `RenditionResource.portStride`.
    package var firstPort: UInt16

    package init(
        name: String, layout: ResourceLayout, addressing: AddressingMode, groups: IPPrefix, firstPort: UInt16
    ) {
        self.name = name
        self.layout = layout
        self.addressing = addressing
        self.groups = groups
        self.firstPort = firstPort
    }
}
