import ArgumentParser
import ControlProtocol
import Glibc
import HTTPEdge

/// Where the OTT server is and who asks.
struct ServerOptions: ParsableArguments {
    private static let maximumTokenBytes = 16_384

    @Option(help: "The OTT server, such as http://10.0.1.2:8080.")
    var server: String

    @Option(help: "A file that holds the token; without it the environment's MRP_TOKEN.", completion: .file())
    var tokenFile: String?

    func client() throws -> EdgeClient {
        do throws(EdgeClientError) {
            return try EdgeClient(base: server)
        } catch {
            throw ClientFailure(error, server: server)
        }
    }

    func token() throws -> String {
        guard let tokenFile else {
            guard let token = getenv("MRP_TOKEN").map({ String(cString: $0) }), !token.isEmpty else {
                throw ClientFailure(
                    .usage, "no token", hint: "Name its file with --token-file, or set MRP_TOKEN.")
            }
            return token
        }
        guard let file = fopen(tokenFile, "r") else {
            throw ClientFailure(.usage, "\(tokenFile): \(String(cString: strerror(errno)))")
        }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: Self.maximumTokenBytes)
        let count = fread(&bytes, 1, bytes.count, file)
        let token = String(decoding: bytes[..<count].filter { $0 > 0x20 && $0 < 0x7F }, as: UTF8.self)
        guard !token.isEmpty, count < Self.maximumTokenBytes else {
            throw ClientFailure(.usage, "\(tokenFile) holds no token")
        }
        return token
    }
}

/// A channel named on the command line.
struct ChannelArgument: ExpressibleByArgument {
    var key: ChannelKey

    init?(argument: String) {
        guard let key = ChannelKey(text: argument) else { return nil }
        self.key = key
    }
}
