import ArgumentParser
import ControlProtocol
import HTTPEdge
import JSONCoding

struct ChannelsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "channels", abstract: "Lists the channels that the token may see.")

    @OptionGroup var options: ServerOptions
    @Flag(help: "One JSON document.") var json = false

    func run() async throws {
        let client = try options.client()
        let token = try options.token()
        let result: Result<ChannelCatalogue, ClientFailure>
        do throws(EdgeClientError) {
            result = .success(try await client.get("/v1/channels", as: ChannelCatalogue.self, bearer: token))
        } catch {
            result = .failure(ClientFailure(error, server: options.server))
        }
        await client.shutdown()
        let catalogue = try result.get()
        if json {
            print(try JSONText.encode(catalogue, indented: true))
            return
        }
        for channel in catalogue.channels {
            let renditions = channel.renditions.map { "\($0.name) (\($0.width)x\($0.height))" }
            print("\(channel.channel)  \(channel.title)  \(renditions.joined(separator: ", "))")
        }
    }
}
