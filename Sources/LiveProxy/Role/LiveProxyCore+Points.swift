import Clockwork
import ControlProtocol
import Wire

extension LiveProxyCore {
    mutating func register(_ registration: ReplicationPointRegistration) {
        if let fault = fault(of: registration) {
            counters.registrationsRefused += 1
            changes.others.append(.refuse(fault))
            return
        }
        let name = registration.name
        if points[name] == nil {
            points[name] = PointState(registration, epoch: nextEpoch())
            changes.isPartitionChanged = true
            changes.event(.replicationPointRegistered(name: name))
        } else if points[name]?.registration != registration {
            points[name]?.registration = registration
            changes.isPartitionChanged = true
        }
        renew(name)
        if changes.isPartitionChanged { reportToAll() }
    }

    private func fault(of registration: ReplicationPointRegistration) -> Problem? {
        func problem(_ code: String, _ status: Int, _ title: String, _ detail: String) -> Problem {
            Problem(code: code, status: status, title: title, detail: detail)
        }
        guard ChannelKey.isName(registration.name),
            (1...ReplicationPointRegistration.maximumPrefixes).contains(registration.prefixes.count)
        else {
            return problem(
                "bad-registration", 400, "The registration cannot be used.",
                "Give a name and 1 to \(ReplicationPointRegistration.maximumPrefixes) prefixes.")
        }
        guard points[registration.name] != nil || points.count < settings.maximumReplicationPoints else {
            return problem(
                "too-many-replication-points", 503, "This proxy serves as many replication points as it may.",
                "Raise live-proxy.limits.replication-points, now \(settings.maximumReplicationPoints).")
        }
        return nil
    }

    /// A sign of life; a point whose feed is open needs none.
    private mutating func renew(_ name: String) {
        if points[name]?.openFeeds == 0 {
            timers.set(.point(name), at: now + settings.replicationPointExpiry)
        } else {
            timers.cancel(.point(name))
        }
    }

    mutating func openFeed(of name: String, from position: FeedPosition?) {
        guard let point = points[name] else {
            counters.unknownInputs += 1
            changes.others.append(.refuse(Self.unknownPoint(name)))
            return
        }
        if position?.epoch != point.publisher.position.epoch {
            points[name]?.forgetProgress()
            reportToAll()
        }
        points[name]?.openFeeds += 1
        renew(name)
        changes.catchUps.append((name, position))
    }

    private static func unknownPoint(_ name: String) -> Problem {
        Problem(
            code: "unknown-replication-point", status: 404, title: "\(name) is not registered here.",
            detail: "Register it first: PUT /v1/replication-points/\(name).")
    }

    mutating func closeFeed(of name: String) {
        guard let open = points[name]?.openFeeds, open > 0 else { return }
        points[name]?.openFeeds = open - 1
        renew(name)
    }

    mutating func take(_ report: ReplicationPointReport, of name: String) {
        guard let point = points[name] else {
            counters.unknownInputs += 1
            changes.others.append(.refuse(Self.unknownPoint(name)))
            return
        }
        renew(name)
        let current = point.publisher.position
        guard report.position.epoch == current.epoch, report.position.revision <= current.revision else {
            counters.reportsOutdated += 1
            return
        }
        if points[name]?.apply(through: report.position.revision) == true { reportToAll() }
    }

    mutating func expire(_ name: String) {
        guard points[name]?.openFeeds == 0 else { return }
        points[name] = nil
        changes.isPartitionChanged = true
        reportToAll()
        changes.event(.replicationPointExpired(name: name))
    }

    private mutating func reportToAll() {
        for server in servers.keys { changes.report(to: server) }
    }

    mutating func openFeeds(afterHold: Bool) {
        guard isHeld else { return }
        isHeld = false
        timers.cancel(.hold)
        for name in points.keys.sorted() where points[name].map({ $0.openFeeds > 0 }) == true {
            changes.catchUps.append((name, nil))
        }
        changes.event(.feedsOpened(afterHold: afterHold))
    }
}
