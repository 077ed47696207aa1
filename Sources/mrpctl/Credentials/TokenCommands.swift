import ArgumentParser
import Authorization
import Clockwork
import ControlProtocol
import Credentials
import FoundationEssentials
import JSONCoding
import LinuxIO
import OperatorConsole
import Wire

extension TokenAlgorithm: ExpressibleByArgument {}

extension IPPrefix: ExpressibleByArgument {
    package init?(argument: String) { self.init(argument) }
}

struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token", abstract: "Makes the key that signs clients' tokens, and tokens.",
        discussion: """
            The key is token.key in the folder, its public half token.pub.pem. The OTT server needs the public half
            alone (tokens.public-key in its configuration).
            """,
        subcommands: [Key.self, Issue.self, Show.self])

    static let privateKey = "token.key"
    static let publicKey = "token.pub.pem"

    struct Key: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Makes a new pair of keys.")

        @OptionGroup var folder: CredentialFolder
        @Option(help: "ES256 or EdDSA, as in the server's configuration.")
        var algorithm = TokenAlgorithm.es256

        func run() throws {
            try folder.prepare()
            try folder.requireAbsent(privateKey, publicKey)
            let pair = try reporting { () throws(CredentialError) in try TokenKeyPair(algorithm) }
            try folder.write(pair.privateKey, to: privateKey, as: .privateKey)
            try folder.write(pair.publicKey, to: publicKey, as: .shared)
            StandardOutput.print("made \(folder.path(privateKey)) and \(folder.path(publicKey))")
        }
    }

    struct Issue: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Signs a token for a subscriber and prints it.")

        @Argument(help: "The subscriber's name.")
        var subscriber: String
        @OptionGroup var folder: CredentialFolder
        @Option(help: "ES256 or EdDSA, as the key.")
        var algorithm = TokenAlgorithm.es256
        @Option(help: "How long it is valid, such as 30d or 12h.")
        var lifetime = Lifetime(.seconds(30 * 86_400))
        @Option(help: "As in the server's configuration.")
        var issuer = "mrp"
        @Option(help: "As in the server's configuration.")
        var audience = "mrp"
        @Option(help: "The only channels it opens, as provider/channel or provider/*; may be repeated.")
        var channel: [ChannelScope] = []
        @Option(help: "The only networks it may be used from, such as 10.3.0.0/16; may be repeated.")
        var network: [IPPrefix] = []

        func run() throws {
            guard ChannelKey.isName(subscriber) else {
                throw ValidationError("\"\(subscriber)\" is no name of a subscriber")
            }
            let key = try folder.read(privateKey, as: .privateKey)
            let now = WallClock.now()
            let claims = TokenClaims(
                subscriber: subscriber, issuer: issuer, audience: audience, issuedAt: now,
                expires: now + lifetime.duration, channels: channel.isEmpty ? nil : channel,
                addresses: network.isEmpty ? nil : network)
            let algorithm = algorithm
            let token = try waiting {
                do throws(CredentialError) {
                    return .success(try await TokenIssuer(privateKey: key, algorithm: algorithm).sign(claims))
                } catch {
                    return .failure(ConsoleError(error))
                }
            }
            StandardOutput.print(token)
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Verifies a token and shows what it says.",
            discussion: "The token is read from the file, or from standard input for \"-\".")

        @Argument(help: "A file that holds the token, or -.", completion: .file())
        var file: String
        @OptionGroup var folder: CredentialFolder
        @Option(help: "ES256 or EdDSA, as the key.")
        var algorithm = TokenAlgorithm.es256
        @Option(help: "As in the server's configuration.")
        var issuer = "mrp"
        @Option(help: "As in the server's configuration.")
        var audience = "mrp"

        func run() throws {
            let path = file == "-" ? "/dev/stdin" : file
            guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
                throw ConsoleError(.failed, "cannot read a token from \(file == "-" ? "standard input" : file)")
            }
            let token = text.split(whereSeparator: \.isWhitespace).joined()
            let key = try folder.read(publicKey, as: .shared)
            let settings = TokenVerifier.Settings(algorithm: algorithm, issuer: issuer, audience: audience)
            let grant: TokenGrant = try waiting {
                do {
                    let verifier = try TokenVerifier(publicKey: key, settings: settings)
                    return .success(try await verifier.verify(token, now: WallClock.now()))
                } catch let error as CredentialError {
                    return .failure(ConsoleError(error))
                } catch let refusal as TokenRefusal {
                    return .failure(ConsoleError(.denied, "the server would refuse this token: \(refusal.rawValue)"))
                } catch {
                    return .failure(ConsoleError(.failed, "\(error)"))
                }
            }
            StandardOutput.print(
                [
                    "subscriber  \(grant.subscriber)",
                    "expires     \(grant.expires.calendarText)",
                    "channels    \(grant.channels?.map(\.description).joined(separator: ", ") ?? "all entitled")",
                    "networks    \(grant.addresses?.map(\.description).joined(separator: ", ") ?? "any")",
                ].joined(separator: "\n"))
        }
    }
}
