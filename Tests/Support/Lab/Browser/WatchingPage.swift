import Foundation

/// The page at a replication point or OTT server in a browser, as a person uses it.
package struct WatchingPage {
    package let browser: Browser

    /// What the page's video element says of itself.
    package struct Picture: Sendable, CustomStringConvertible {
        /// Seconds of media shown so far.
        package var time: Double
        package var width: Int
        package var height: Int
        package var shown: Int
        package var dropped: Int
        package var error: String

        package var description: String {
            "\(width)×\(height) at \(String(format: "%.1f", time)) s, \(shown) pictures, \(dropped) of them dropped"
                + (error.isEmpty ? "" : ", \(error)")
        }
    }

    package init(_ browser: Browser) {
        self.browser = browser
    }

    /// Opens the page, gives the token and chooses the channel that is first in the list.
    package func watch(at base: String, token: String) throws {
        try browser.open("\(base)/")
        try browser.click("#token")
        try browser.type(token)
        try browser.click("#access button")
        try browser.wait(for: "document.querySelector('#channels button') !== null", within: .seconds(15))
        try browser.click("#channels button")
    }

    package func picture() throws -> Picture {
        let expression = """
            (() => { const v = document.querySelector('video'); const q = v.getVideoPlaybackQuality();
              return [v.currentTime, v.videoWidth, v.videoHeight, q.totalVideoFrames, q.droppedVideoFrames,
                v.error ? v.error.message : '']; })()
            """
        guard let values = try browser.evaluate(expression) as? [Any], values.count == 6 else {
            throw LabError("the page has no video")
        }
        let numbers = values.prefix(5).map { ($0 as? NSNumber)?.doubleValue ?? 0 }
        return Picture(
            time: numbers[0], width: Int(numbers[1]), height: Int(numbers[2]), shown: Int(numbers[3]),
            dropped: Int(numbers[4]), error: values[5] as? String ?? "")
    }

    /// What the page tells its reader, such as why nothing plays.
    package func notice() throws -> String {
        try browser.evaluate("document.querySelector('#notice').textContent") as? String ?? ""
    }
}
