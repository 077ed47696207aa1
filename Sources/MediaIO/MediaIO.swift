// Media on the wire: thin shells that perform what the pure cores planned.
//
// - `MediaSender`: one thread that sends every rendition of a proxy at its planned instants.
//     let sender = try MediaSender()
//     let id = try sender.add(RenditionOutput(…), continuing: state)
//     switch sender.append(segmentBytes, to: id, duration: …) { case .accepted … case .refused … }
//     sender.reports { reports in … }        // counters and `continuation` of each, to be saved
//     sender.remove(id) { final in … }
// - `RenditionJournal`: a mapped file that keeps every rendition's continuation current, so that even a killed proxy is
//   continued; give it to `MediaSender` and a key to `add`.
// - `MediaReceiver`: joins a group on an event loop and feeds `OTTClient.MediaReception`; what comes out goes to a
//   `MediaSink`: a file, a pipe or a UDP port of this host.
