import Foundation
import Lab
import Testing

/// What `scripts/install` puts where, and that what it puts there works.
@Suite struct InstallTests {
    private static let project = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    /// Installs below a folder of the test's own.
    private func withInstallation(prefix: String, _ body: (_ root: String) throws -> Void) throws {
        let root = FileManager.default.temporaryDirectory.appendingPathComponent("mrp-install-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: root) }
        try install(to: root.path, prefix: prefix)
        try body(root.path)
    }

    private func install(to root: String, prefix: String) throws {
        try check([
            "env", "DESTDIR=\(root)", "\(Self.project)/scripts/install", "--prefix", prefix, "--programs",
            Programs.folder,
        ])
    }

    @Test(arguments: [("/usr/local", "/etc"), ("/usr", "/etc"), ("/opt/mrp", "/opt/mrp/etc")])
    func `programs, units and configuration are where they look for each other`(prefix: String, etc: String) throws {
        try withInstallation(prefix: prefix) { root in
            let configuration = "\(root)\(etc)/mrp/mrp.yaml"
            let checked = try runCommand(["\(root)\(prefix)/bin/mrp-router", "--check", "--config", configuration])
            #expect(checked.status == 0, "\(checked.errors)")
            for (unit, program) in [("mrp-router", "mrp-router"), ("mrpd@", "mrpd")] {
                let text = try String(
                    contentsOfFile: "\(root)\(prefix)/lib/systemd/system/\(unit).service", encoding: .utf8)
                #expect(text.contains("ExecStart=\(prefix)/bin/\(program) --config \(etc)/mrp/mrp.yaml"))
                #expect(!text.contains("dir@"), "a place was not filled in")
            }
            // A second installation leaves what the operator wrote.
            try "node: mine\n".write(toFile: configuration, atomically: true, encoding: .utf8)
            try install(to: root, prefix: prefix)
            let kept = try String(contentsOfFile: configuration, encoding: .utf8)
            #expect(kept == "node: mine\n")
        }
    }

    @Test func `bash completes commands and topics by the installed script`() throws {
        try withInstallation(prefix: "/usr/local") { root in
            let script = """
                PATH=\(root)/usr/local/bin:$PATH
                source \(root)/usr/local/share/bash-completion/completions/mrpctl
                offer() { COMPREPLY=(); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
                    _mrpctl mrpctl "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"; echo "${COMPREPLY[@]}"; }
                offer mrpctl sh
                offer mrpctl show gro
                offer mrpctl certificate iss
                """
            let completed = try check(["bash", "-c", script])
            #expect(completed == "show\ngroups\nissue\n")
        }
    }

    @Test func `a wrong call installs nothing and says what is right`() throws {
        for (arguments, reason) in [
            (["--prefix", "relative"], "--prefix must be an absolute path"), (["--prefx"], "unknown argument"),
            (["--programs", "/nonexistent"], "/nonexistent/mrp-router is not there"),
        ] {
            let root = FileManager.default.temporaryDirectory.appendingPathComponent("mrp-none-\(UUID().uuidString)")
            let result = try runCommand(
                ["env", "DESTDIR=\(root.path)", "\(Self.project)/scripts/install"] + arguments)
            #expect(result.status == 1)
            #expect(result.errors.contains(reason), "\(result.errors)")
            #expect(!FileManager.default.fileExists(atPath: root.path))
        }
    }
}
