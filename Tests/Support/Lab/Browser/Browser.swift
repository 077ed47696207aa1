import Foundation

/// Debian's Chromium without a window in a node, with one page, driven as a person would: it types, clicks and looks.
package final class Browser {
    private let pipe: DevToolsPipe
    private let child: ChildProcess
    private var session: String?

    /// Why there is none here; nil when there is one.
    package static var obstacle: String? {
        FileManager.default.isExecutableFile(atPath: "/usr/bin/chromium") ? nil : "chromium is not installed"
    }

    /// Starts it with an empty page.
    package init(in node: Node, width: Int = 1280, height: Int = 900) throws {
        let folder = node.path("browser")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        pipe = try DevToolsPipe(folder: folder)
        // Its own sandbox does not start as user 0; the node it runs in has no way out of the lab.
        let options = [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--mute-audio", "--no-first-run", "--disable-sync",
            "--disable-background-networking", "--disable-component-update", "--disable-breakpad",
            "--remote-debugging-pipe", "--window-size=\(width),\(height)", "--user-data-dir=\(folder)/profile",
            "about:blank",
        ]
        child = try node.start(
            "chromium",
            ["sh", "-c", #"exec chromium "$@" 3<"$0/commands" 4>"$0/answers""#, folder] + options,
            environment: ["HOME": folder])
        try attach()
    }

    private func attach() throws {
        let target = try pipe.call("Target.createTarget", ["url": "about:blank"], session: nil, within: .seconds(60))
        let attached = try pipe.call(
            "Target.attachToTarget", ["targetId": target["targetId"] ?? "", "flatten": true], session: nil)
        session = attached["sessionId"] as? String
        for domain in ["Page", "Runtime", "Log"] { try call("\(domain).enable") }
    }

    /// What the page's scripts and its loader complained of since the start.
    package var complaints: [String] { pipe.complaints }

    @discardableResult
    private func call(_ method: String, _ parameters: [String: Any] = [:]) throws -> [String: Any] {
        try pipe.call(method, parameters, session: session)
    }

    package func open(_ url: String) throws {
        let answer = try call("Page.navigate", ["url": url])
        if let error = answer["errorText"] as? String { throw LabError("\(url): \(error)") }
        try wait(for: "document.readyState === 'complete'", within: .seconds(20))
    }

    /// The value of a JavaScript expression: a string, a number, a boolean, an array or a dictionary.
    package func evaluate(_ expression: String) throws -> Any? {
        let answer = try call("Runtime.evaluate", ["expression": expression, "returnByValue": true])
        if let details = answer["exceptionDetails"] as? [String: Any] {
            throw LabError("\(expression): \(details["exception"] ?? details)")
        }
        return (answer["result"] as? [String: Any])?["value"]
    }

    package func number(_ expression: String) throws -> Double {
        (try evaluate(expression) as? NSNumber)?.doubleValue ?? .nan
    }

    /// Throws when the expression does not become true in time.
    package func wait(for expression: String, within limit: Duration) throws {
        guard try eventually(within: limit, { try evaluate(expression) as? Bool == true }) else {
            throw LabError("never: \(expression); complaints: \(complaints)")
        }
    }

    /// Presses the left button in the middle of the first element that `selector` names.
    package func click(_ selector: String) throws {
        let middle = """
            (() => { const box = document.querySelector(\(try Self.quoted(selector))).getBoundingClientRect();
              return [box.x + box.width / 2, box.y + box.height / 2]; })()
            """
        guard let point = try evaluate(middle) as? [Double], point.count == 2 else {
            throw LabError("\(selector) is nowhere")
        }
        for kind in ["mousePressed", "mouseReleased"] {
            try call(
                "Input.dispatchMouseEvent",
                ["type": kind, "x": point[0], "y": point[1], "button": "left", "clickCount": 1])
        }
    }

    /// Types into the element that has the focus.
    package func type(_ text: String) throws {
        try call("Input.insertText", ["text": text])
    }

    /// Writes what the page looks like now as a PNG file.
    package func screenshot(to path: String) throws {
        let answer = try call("Page.captureScreenshot", ["format": "png"])
        guard let data = (answer["data"] as? String).flatMap({ Data(base64Encoded: $0) }) else {
            throw LabError("no screenshot")
        }
        try data.write(to: URL(fileURLWithPath: path))
    }

    package func close() {
        _ = try? pipe.call("Browser.close", session: nil, within: .seconds(5))
        if !child.waitForExit(within: .seconds(5)) { child.stop() }
    }

    private static func quoted(_ text: String) throws -> String {
        String(decoding: try JSONEncoder().encode(text), as: UTF8.self)
    }
}
