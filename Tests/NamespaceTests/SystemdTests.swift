import Foundation
import Lab
import Testing

/// The units as `scripts/install` lays them down, under a real systemd: what an operator's router does.
///
/// ```
///  source ── up0 ─ machine ─ a1 ── viewer
/// ```
@Suite(.serialized, .enabled(if: BootedMachine.obstacle == nil, "systemd cannot be booted here"))
struct SystemdTests {
    private static let project = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
    private static let (router, point) = ("mrp-router.service", "mrpd@replication-point.service")
    private static let (source, group) = ("10.1.0.10", "232.1.1.1")

    private let lab: Lab
    private let machine: BootedMachine
    private let sourceNode, viewer: Node

    init() throws {
        let lab = try Lab("sd")
        self.lab = lab
        let node = try lab.node("r")
        sourceNode = try lab.node("s")
        viewer = try lab.node("v")
        try lab.link(.init(node, "up0", "10.1.0.1/24"), .init(sourceNode, "eth0", "\(Self.source)/24"))
        try lab.link(.init(node, "a1", "10.3.1.1/24"), .init(viewer, "eth0", "10.3.1.10/24"))
        try sourceNode.ip("route", "add", "224.0.0.0/4", "dev", "eth0")
        try viewer.ip("route", "add", "default", "via", "10.3.1.1")
        machine = try BootedMachine(on: node, project: Self.project, programs: Programs.folder) { root in
            try Self.configuration().write(
                to: root.appendingPathComponent("etc/mrp/mrp.yaml"), atomically: true, encoding: .utf8)
        }
    }

    private static func configuration(igmp: String = "single-host: true") -> String {
        """
        node: rp1
        control-group: mrp
        tls: {certificate: /etc/mrp/rp1.pem, key: /etc/mrp/rp1.key, authority: /etc/mrp/authority.pem}
        router:
          interfaces:
            up0: {pim: {}}
            a1: {igmp: {\(igmp)}, admission: open}
        replication-point: {live-proxy: "https://10.1.0.10:8444", prefixes: [10.3.0.0/16]}

        """
    }

    /// As the README says.
    private func issueCertificate() throws {
        let pki = "/var/tmp/pki"
        try machine.run("mrpctl", "certificate", "authority", "--directory", pki)
        try machine.run(
            "mrpctl", "certificate", "issue", "--directory", pki, "--role", "replication-point", "--name", "rp1",
            "--address", "10.1.0.1")
        try machine.run("install", "-o", "mrp", "-m", "0600", "-t", "/etc/mrp", "\(pki)/rp1.key")
        try machine.run("install", "-m", "0644", "-t", "/etc/mrp", "\(pki)/rp1.pem", "\(pki)/authority.pem")
    }

    private func withMachine(_ body: () throws -> Void) throws {
        defer { lab.tearDown() }
        do {
            try issueCertificate()
            try machine.run("systemctl", "start", Self.router, Self.point)
            try body()
        } catch {
            print(machine.journal(of: Self.router), machine.journal(of: Self.point))
            throw error
        }
    }

    private func mainProcess(of unit: String) throws -> String { try machine.property("MainPID", of: unit) }

    /// A line of the main process's `/proc/PID/status`.
    private func status(_ key: String, of unit: String) throws -> String {
        let lines = try machine.run("cat", "/proc/\(mainProcess(of: unit))/status").split(separator: "\n")
        let line = try #require(lines.first { $0.hasPrefix("\(key):") })
        return line.dropFirst(key.count + 1).trimmingCharacters(in: .whitespaces)
    }

    // MARK: Tests

    @Test func `the units are sound by systemd's own judgement`() throws {
        try withMachine {
            let verified = try machine.attempt("systemd-analyze", "verify", Self.router, Self.point)
            #expect(verified.status == 0)
            #expect(verified.errors + verified.output == "")
            // Tenths of an exposure level: FRR's unit has 98.
            for (unit, limit) in [(Self.router, 20), (Self.point, 16)] {
                let judged = try machine.attempt(
                    "systemd-analyze", "security", "--offline=true", "--threshold=\(limit)", unit)
                #expect(judged.status == 0, "\(judged.output)")
            }
            // Every key of the sysctl file is one the kernel has, with a value it takes.
            let values = try check(["sysctl", "--dry-run", "--load=\(Self.project)/deploy/sysctl.d/60-mrp.conf"])
            #expect(values.contains("net.ipv4.ip_forward = 1"))
        }
    }

    @Test func `both programs run as mrp, the router with its two capabilities and mrpd with none`() throws {
        try withMachine {
            for (unit, capabilities) in [(Self.router, "0000000000003000"), (Self.point, "0000000000000000")] {
                #expect(try machine.property("ActiveState", of: unit) == "active")
                for set in ["CapPrm", "CapEff", "CapBnd"] { #expect(try status(set, of: unit) == capabilities) }
                #expect(try status("NoNewPrivs", of: unit) == "1")
                #expect(try status("Seccomp", of: unit) == "2")
                #expect(try status("Uid", of: unit) != "0\t0\t0\t0")
                #expect(try machine.property("StatusText", of: unit) != "")
            }
            // The role reaches the router, and the operator both of them.
            let sockets = try machine.run("stat", "--format", "%a %U:%G", "/run/mrp/router.sock")
            #expect(sockets == "660 mrp:mrp\n")
            let owns = eventually(within: .seconds(5)) {
                machine.journal(of: Self.router).contains("owner-connected: owner replication-point")
            }
            #expect(owns)
            let shown = try machine.run("mrpctl", "status")
            #expect(shown.contains("router") && shown.contains("replication-point"), "\(shown)")
            let stranger = try machine.attempt("setpriv", "--reuid=65534", "--clear-groups", "mrpctl", "status")
            #expect(stranger.status == 5)
            #expect(stranger.errors.contains("member of the group mrp"), "\(stranger.errors)")
        }
    }

    @Test func `a reload takes a new configuration over and refuses a wrong one, without a restart`() throws {
        try withMachine {
            let before = try mainProcess(of: Self.router)
            try writeConfiguration(Self.configuration(igmp: "single-host: true, query-interval: 60s"))
            try machine.run("systemctl", "reload", Self.router, Self.point)
            #expect(eventually(within: .seconds(5)) { machine.journal(of: Self.router).contains("reloaded: ") })
            let isReloaded = eventually(within: .seconds(5)) {
                machine.journal(of: Self.point).contains("configuration reloaded")
            }
            #expect(isReloaded)
            try writeConfiguration(Self.configuration(igmp: "single-hots: true"))
            try machine.run("systemctl", "reload", Self.router)
            let isRefused = eventually(within: .seconds(5)) {
                machine.journal(of: Self.router).contains("did you mean \"single-host\"?")
            }
            #expect(isRefused)
            #expect(try mainProcess(of: Self.router) == before)
        }
    }

    private func writeConfiguration(_ text: String) throws {
        try machine.run("sh", "-c", "printf %s \"$1\" >/etc/mrp/mrp.yaml", "sh", text)
    }

    @Test func `a killed, a stopped and a restarted router lose no packet while systemd holds its socket`() throws {
        try withMachine {
            try machine.run("mkdir", "-p", "/run/systemd/system/\(Self.router).d")
            // The watchdog as shipped, only sooner.
            try machine.run(
                "sh", "-c",
                "printf '[Service]\\nWatchdogSec=1s\\n' >/run/systemd/system/\(Self.router).d/sooner.conf")
            try machine.run("systemctl", "daemon-reload")
            try machine.run("systemctl", "restart", Self.router)
            #expect(try machine.property("NFileDescriptorStore", of: Self.router) == "1")
            let stream = try FlowingStream(from: sourceNode, to: viewer, source: Self.source, group: Self.group)
            for _ in 1...5 {
                try comesBack { try machine.run("systemctl", "kill", "--signal=SIGKILL", Self.router) }
            }
            try comesBack { try machine.run("systemctl", "kill", "--signal=SIGSTOP", Self.router) }
            #expect(machine.journal(of: Self.router).contains("Watchdog timeout"))
            try comesBack { try machine.run("systemctl", "restart", Self.router) }
            #expect(machine.journal(of: Self.router).contains("took over multicast routing table"))
            let (sent, arrived) = try stream.end()
            #expect(sent > 2_000)
            #expect(arrived == sent)
        }
    }

    /// The router is there again, as another process, after `event`.
    private func comesBack(after event: () throws -> Void) throws {
        let before = try mainProcess(of: Self.router)
        try event()
        let isBack = try eventually(within: .seconds(15)) {
            let now = try mainProcess(of: Self.router)
            return try now != "0" && now != before && machine.property("ActiveState", of: Self.router) == "active"
        }
        try #require(isBack, "the router did not come back")
    }
}
