import Foundation

extension Lab {
    /// Why lines cannot be impaired here; nil when they can. Some hosts keep the device for root alone, whom a user
    /// namespace does not make.
    package static var impairmentObstacle: String? {
        access("/dev/net/tun", R_OK | W_OK) == 0
            ? nil : "/dev/net/tun cannot be opened: \(String(cString: strerror(errno)))"
    }

    /// A link with a bad line in it: `mrp-impair` in a node of its own between the two ends.
    ///
    /// - Parameter options: as `mrp-impair` takes them, e.g. `["--delay", "20", "--jitter", "5"]`.
    @discardableResult
    package func impairedLink(
        _ name: String, _ first: End, _ second: End, seed: UInt64, options: [String]
    ) throws -> ChildProcess {
        let middle = try node(name)
        try link(first, End(middle, "left"))
        try link(second, End(middle, "right"))
        for (side, tap) in [("left", "tap0"), ("right", "tap1")] {
            try middle.ip("tuntap", "add", tap, "mode", "tap")
            try middle.ip("link", "add", "br-\(side)", "type", "bridge", "mcast_snooping", "0")
            for port in [side, tap] { try middle.ip("link", "set", port, "master", "br-\(side)") }
            for port in [tap, "br-\(side)"] { try middle.ip("link", "set", port, "up") }
        }
        let relay = try middle.start(
            "mrp-impair",
            ["stdbuf", "-oL", Programs.path("mrp-impair"), "--first", "tap0", "--second", "tap1", "--seed", "\(seed)"]
                + options)
        guard eventually(within: .seconds(5), { relay.log.contains("ready") || !relay.isRunning }), relay.isRunning
        else { throw LabError("mrp-impair did not start: \(relay.log)") }
        return relay
    }
}
