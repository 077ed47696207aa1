/// What `--version` prints, the same for all programs of one package.
package enum ProgramVersion {
    package static let current = "0.1.0"
}
