import Wire

/// Puts a compound RTCP packet together (RFC 3550 §6.1): a report first, then a source description, then the rest.
package struct RTCPWriter {
    /// Of the counts in a packet's header.
    package static let maximumReports = 31
    /// Fits a datagram of 1,400 bytes beside a report and a description.
    package static let maximumPairs = 256
    package static let maximumNameLength = 255

    private var writer: WireWriter

    package init() {
        writer = WireWriter(reservingCapacity: 128)
    }

    package var bytes: [UInt8] { writer.bytes }

    package mutating func write(_ report: SenderReport, _ receptions: [ReceptionReport] = []) {
        precondition(receptions.count <= Self.maximumReports, "more reports than a packet counts")
        put(.senderReport, count: receptions.count) { writer in
            writer.write(report.ssrc)
            writer.write(report.moment)
            writer.write(report.timestamp)
            writer.write(report.packets)
            writer.write(report.octets)
            for reception in receptions { reception.write(to: &writer) }
        }
    }

    package mutating func writeReceiverReport(of ssrc: UInt32, _ receptions: [ReceptionReport]) {
        precondition(receptions.count <= Self.maximumReports, "more reports than a packet counts")
        put(.receiverReport, count: receptions.count) { writer in
            writer.write(ssrc)
            for reception in receptions { reception.write(to: &writer) }
        }
    }

    /// `canonicalName` is cut at `maximumNameLength` bytes.
    package mutating func writeSourceDescription(of ssrc: UInt32, canonicalName: String) {
        let name = Array(canonicalName.utf8.prefix(Self.maximumNameLength))
        put(.sourceDescription, count: 1) { writer in
            writer.write(ssrc)
            writer.write(SourceDescriptionItem.canonicalName)
            writer.write(UInt8(name.count))
            writer.write(contentsOf: name)
            // At least one zero ends the list; zeros fill the last word up.
            writer.writeZeros(4 - (2 + name.count) % 4)
        }
    }

    package mutating func writeGoodbye(of ssrc: UInt32) {
        put(.goodbye, count: 1) { $0.write(ssrc) }
    }

    /// Asks for `pairs` of `media`'s packets; there must be some.
    package mutating func writeGenericNACK(from sender: UInt32, of media: UInt32, _ pairs: [NACKPair]) {
        precondition(!pairs.isEmpty && pairs.count <= Self.maximumPairs, "a request for nothing or too much")
        put(.transportFeedback, count: Int(GenericNACK.format)) { writer in
            writer.write(sender)
            writer.write(media)
            for pair in pairs {
                writer.write(pair.first)
                writer.write(pair.following)
            }
        }
    }

    private mutating func put(_ type: RTCPPacketType, count: Int, _ body: (inout WireWriter) -> Void) {
        let start = writer.count
        writer.write(UInt8(0x80 | count))
        writer.write(type.rawValue)
        writer.write(UInt16(0))
        body(&writer)
        precondition((writer.count - start) % 4 == 0, "RTCP packets are whole words")
        writer.patch(UInt16((writer.count - start) / 4 - 1), at: start + 2)
    }
}
