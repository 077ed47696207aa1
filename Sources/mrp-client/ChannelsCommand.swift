import ArgumentParser
import ControlProtocol
import HTTPEdge
import JSONCoding

extension ChannelList.Form: ExpressibleByArgument {}

struct ChannelsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "channels", abstract: "Lists the channels that the token may see, with their URLs.",
        discussion: "A multicast URL plays once the channel has been joined, for instance with mrp-client play.")

    @OptionGroup var options: ServerOptions
    @Flag(help: "One JSON document.") var json = false
    @Option(help: "Only an M3U list for a player: unicast or multicast.")
    var m3u: ChannelList.Form?

    func run() async throws {
        let client = try options.client()
        let token = try options.token()
        let result = await fetch(client, token)
        await client.shutdown()
        switch try result.get() {
        case .list(let text): print(text, terminator: "")
        case .listing(let listing): show(listing)
        }
    }

    private enum Outcome {
        case list(String)
        case listing(ChannelListing)
    }

    private func fetch(_ client: EdgeClient, _ token: String) async -> Result<Outcome, ClientFailure> {
        do throws(EdgeClientError) {
            if let m3u { return .success(.list(try await client.channelList(m3u, token: token))) }
            let unicast = ChannelList.urls(in: try await client.channelList(.unicast, token: token))
            let multicast = ChannelList.urls(in: try await client.channelList(.multicast, token: token))
            let catalogue = try await client.get("/v1/channels", as: ChannelCatalogue.self, bearer: token)
            let rows = catalogue.channels.compactMap { description in
                unicast[description.channel].map {
                    ChannelListing.Row(
                        mediaDescription: description, unicast: $0, multicast: multicast[description.channel])
                }
            }
            return .success(.listing(ChannelListing(channels: rows)))
        } catch {
            return .failure(ClientFailure(error, server: options.server))
        }
    }

    private func show(_ listing: ChannelListing) {
        if json {
            print((try? JSONText.encode(listing, indented: true)) ?? "{}")
            return
        }
        for row in listing.channels {
            let description = row.mediaDescription
            let renditions = description.renditions.map { "\($0.name) (\($0.width)x\($0.height))" }
            print("\(description.channel)  \(description.title)  \(renditions.joined(separator: ", "))")
            print("  unicast    \(row.unicast)")
            print("  multicast  \(row.multicast ?? "no group now: it gets one with the first join")")
        }
    }
}

/// What `channels --json` prints.
struct ChannelListing: Codable, Hashable, Sendable {
    struct Row: Codable, Hashable, Sendable {
        var mediaDescription: MediaDescription
        /// The master playlist.
        var unicast: String
        /// `rtp://source@group:port` of the best rendition, while the channel has a group.
        var multicast: String?
    }

    var channels: [Row]
}

extension EdgeClient {
    fileprivate func channelList(_ form: ChannelList.Form, token: String) async throws(EdgeClientError) -> String {
        let answer = try await exchange("GET", "/channels.m3u?form=\(form.rawValue)", bearer: token)
        guard answer.status == 200 else {
            let problem = try? JSONText.decode(Problem.self, from: answer.body)
            throw problem.map { .refused($0) } ?? .badAnswer("HTTP status \(answer.status)")
        }
        return answer.body
    }
}
