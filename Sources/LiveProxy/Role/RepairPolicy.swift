import Clockwork
import ControlProtocol
import Repair

/// How the renditions of a pool or a channel are repaired.
package struct RepairPolicy: Hashable, Sendable {
    /// How long receivers wait for a missing packet; nil sends no repair packets.
    package var fecLatency: Duration?
    /// Nil chooses by each rendition's bit rate, so that a block and its repair packets fit the latency.
    package var fecMatrix: FECMatrix?

    package init(fecLatency: Duration? = nil, fecMatrix: FECMatrix? = nil) {
        self.fecLatency = fecLatency
        self.fecMatrix = fecMatrix
    }

    /// What a rendition of `bandwidth` gets; nil too where its bit rate is so low that no matrix fits the latency.
    package func fec(bandwidth: Int) -> ForwardErrorCorrection? {
        guard let fecLatency,
            let matrix = fecMatrix ?? FECMatrix.fitting(bitRate: bandwidth, latency: fecLatency)
        else { return nil }
        return ForwardErrorCorrection(matrix: matrix, latency: fecLatency.milliseconds)
    }
}
