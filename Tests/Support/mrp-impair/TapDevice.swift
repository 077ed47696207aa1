import Glibc
import LinuxIO

/// A tap device: the kernel's frames come out of the descriptor, and what is written goes into the kernel.
struct TapDevice {
    static let maximumFrame = 65_536

    /// Makes the device (or attaches to it) without packet-information headers.
    static func open(_ name: String) throws -> FileDescriptor {
        let number = Glibc.open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)
        guard number >= 0 else {
            throw TapError("cannot open /dev/net/tun: \(String(cString: strerror(errno)))")
        }
        let descriptor = FileDescriptor(owning: number)
        guard name.utf8.count < Int(IFNAMSIZ) else { throw TapError("\"\(name)\" is too long for an interface name") }
        var request = [UInt8](repeating: 0, count: 40)
        for (index, byte) in name.utf8.enumerated() { request[index] = byte }
        let flags: UInt16 = 0x0002 | 0x1000  // IFF_TAP | IFF_NO_PI
        request[16] = UInt8(truncatingIfNeeded: flags)
        request[17] = UInt8(truncatingIfNeeded: flags >> 8)
        let tunSetInterface: UInt = 0x4004_54CA
        let result = request.withUnsafeMutableBytes { bytes in
            guard let base = bytes.baseAddress else { return CInt(-1) }
            return ioctl(descriptor.number, tunSetInterface, base)
        }
        guard result == 0 else { throw TapError("cannot make \(name): \(String(cString: strerror(errno)))") }
        return descriptor
    }
}

struct TapError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
