import CoordinatorKernel
import Seams
import Telemetry
import ZNodes

/// The texts that answer four-letter words, in Apache ZooKeeper's layouts, which monitoring reads.
struct WordAnswers: Sendable {
    static let notServing = "This ZooKeeper instance is not currently serving requests"

    let surroundings: Surroundings

    /// nil when there is nothing to say: the connection had better close without a word.
    func answer(to word: FourLetterWord, seenThrough kernel: KernelWindow) -> String? {
        switch word {
        case .ruok: kernel.look { _, _ in "imok" }
        case .isro: kernel.lookIfServing { loop, _ in loop.kernel.role.isReadOnly ? "ro" : "rw" } ?? "null"
        case .gtmk: "\(surroundings.traceMask.value)"
        case .stmk: preconditionFailure("stmk is answered with the number behind it")
        case .envi: "Environment:\n" + surroundings.environment.map { "\($0)=\($1)\n" }.joined()
        default: serving(word, seenThrough: kernel) ?? "\(Self.notServing)\n"
        }
    }

    /// What only those tell who serve; nil for the others.
    private func serving(_ word: FourLetterWord, seenThrough kernel: KernelWindow) -> String? {
        switch word {
        case .srvr: kernel.lookIfServing { loop, _ in loop.kernel.status() }.map { server($0, clients: nil) }
        case .stat:
            kernel.lookIfServing { loop, now in (loop.kernel.status(), loop.connections(at: now)) }
                .map { server($0, clients: $1) }
        case .mntr: kernel.lookIfServing { loop, now in loop.monitorReport(at: now) }.map(monitor)
        case .conf: kernel.lookIfServing { loop, _ in (loop.ports, loop.kernel.ensembleStatus) }.map(configuration)
        case .cons:
            kernel.lookIfServing { loop, now in loop.connections(at: now) }
                .map { $0.map(connection).joined() + "\n" }
        case .crst:
            kernel.lookIfServing { loop, _ in
                loop.kernel.resetConnectionStatistics()
                return "Connection stats reset.\n"
            }
        case .srst:
            kernel.lookIfServing { loop, now in
                loop.resetStatistics(at: now)
                return "Server stats reset.\n"
            }
        case .dump:
            kernel.lookIfServing { loop, now in (loop.kernel.sessionStatuses(at: now), loop.connections(at: now)) }
                .map(dump)
        case .wchs: kernel.lookIfServing { loop, _ in loop.kernel.watchCounts() }.map(watchSummary)
        case .wchc:
            kernel.lookIfServing { loop, _ in loop.kernel.watchedPathsBySession() }
                .map { listed($0.map { ($0.session.hexadecimal, $0.paths) }) }
        case .wchp:
            kernel.lookIfServing { loop, _ in loop.kernel.watchingSessionsByPath() }
                .map { listed($0.map { ($0.path, $0.sessions.map(\.hexadecimal)) }) }
        case .dirs:
            kernel.lookIfServing { _, _ in () }.map {
                "datadir_size: \(surroundings.snapshotDirectorySize)\nlogdir_size: \(surroundings.logDirectorySize)\n"
            }
        case .hash:
            kernel.lookIfServing { loop, _ in loop.kernel.digests }.map { digests in
                digests.map { "\(String(UInt64(bitPattern: $0.zxid), radix: 16)): \($0.digest)\n" }.joined()
            }
        case .ruok, .isro, .envi, .gtmk, .stmk: preconditionFailure("\(word) is answered by everybody")
        }
    }

    // MARK: srvr, stat, cons

    func server(_ status: CoordinatorStatus, clients: [ConnectionReport]?) -> String {
        let latency = status.server.latency
        var text = "Zookeeper version: \(Surroundings.version)\n"
        if let clients {
            text += "Clients:\n"
            for client in clients {
                let counts = client.status.statistics
                text += " /\(client.status.address)[1](queued=\(counts.queued)"
                text += ",recved=\(counts.received),sent=\(counts.sent))\n"
            }
            text += "\n"
        }
        text += "Latency min/avg/max: \(latency.least)/\(latency.averageText)/\(latency.most)\n"
        text += "Received: \(status.server.received)\n"
        text += "Sent: \(status.server.sent)\n"
        text += "Connections: \(status.connectionCount)\n"
        text += "Outstanding: \(status.outstanding)\n"
        text += "Zxid: \(status.lastZxid.hexadecimal)\n"
        text += "Mode: \(status.role.name)\n"
        text += "Node count: \(status.nodeCount)\n"
        if case .leader = status.role, let sizes = status.ensemble?.statistics.proposalSizes {
            text += "Proposal sizes last/min/max: \(sizes.last)/\(sizes.least)/\(sizes.most)\n"
        }
        return text
    }

    private func connection(_ report: ConnectionReport) -> String {
        let counts = report.status.statistics
        var text = " /\(report.status.address)[1]"
        text += "(queued=\(counts.queued),recved=\(counts.received),sent=\(counts.sent)"
        if let session = report.status.session {
            text += ",sid=\(session.hexadecimal),lop=\(counts.lastOperation),est=\(report.established)"
            text += ",to=\(report.status.timeoutInMilliseconds)"
            text += ",lcxid=\(Int64(UInt32(bitPattern: counts.lastXID)).hexadecimal)"
            text += ",lzxid=\(counts.lastZxid.hexadecimal),lresp=\(report.lastReply)"
            text += ",llat=\(counts.lastLatency.milliseconds),minlat=\(counts.latency.least)"
            text += ",avglat=\(Int64(counts.latency.average)),maxlat=\(counts.latency.most)"
        }
        return text + ")\n"
    }

    // MARK: mntr, conf

    func monitor(_ report: MonitorReport) -> String {
        var text = report.texts.map { "zk_\($0)\t\($1)\n" }.joined()
        for figure in report.metrics.flatMap(\.figures) { text += "zk_\(figure.name)\t\(Metric.text(figure.number))\n" }
        return text
    }

    private func configuration(_ ports: ClientPorts, _ ensemble: EnsembleStatus?) -> String {
        let settings = surroundings.settings
        let storage = settings.storage
        let rows: [(String, String)] = [
            ("clientPort", "\(ports.plaintext ?? -1)"),
            ("secureClientPort", "\(ports.secure ?? -1)"),
            ("dataDir", storage.snapshotDirectory),
            ("dataDirSize", "\(surroundings.snapshotDirectorySize)"),
            ("dataLogDir", storage.logDirectory),
            ("dataLogSize", "\(surroundings.logDirectorySize)"),
            ("tickTime", "\(settings.tickTime.milliseconds)"),
            ("maxClientCnxns", "\(settings.maximumConnectionsPerAddress)"),
            ("minSessionTimeout", "\(settings.sessionTimeouts.lowerBound.milliseconds)"),
            ("maxSessionTimeout", "\(settings.sessionTimeouts.upperBound.milliseconds)"),
            ("clientPortListenBacklog", "-1"),
            ("serverId", "\(ensemble?.id.number ?? 0)"),
        ]
        let text = rows.map { "\($0)=\($1)\n" }.joined()
        return text + (ensemble.map { "membership: \n\($0.quorum.membership.configurationText)\n" } ?? "")
    }

    // MARK: dump, wchs, wchc, wchp

    private func dump(_ sessions: [SessionStatus], _ connections: [ConnectionReport]) -> String {
        let buckets = Dictionary(grouping: sessions) { $0.deadline.unixMilliseconds }.sorted { $0.key < $1.key }
        var text = "SessionTracker dump:\nSession Sets (\(buckets.count))/(\(sessions.count)):\n"
        for (deadline, sessions) in buckets {
            text += "\(sessions.count) expire at \(LogLines.timestamp(deadline)):\n"
            for session in sessions { text += "\t\(session.id.hexadecimal)\n" }
        }
        let owners = sessions.filter { !$0.ephemerals.isEmpty }
        text += "ephemeral nodes dump:\nSessions with Ephemerals (\(owners.count)):\n"
        for owner in owners {
            text += "\(owner.id.hexadecimal):\n"
            for path in owner.ephemerals { text += "\t\(path)\n" }
        }
        text += "Connections dump:\nConnections Sets (1)/(\(connections.count)):\n"
        for connection in connections {
            text += "\tip: /\(connection.status.address) sessionId: \((connection.status.session ?? 0).hexadecimal)\n"
        }
        return text
    }

    private func watchSummary(_ counts: WatchCounts) -> String {
        "\(counts.connections) connections watching \(counts.paths) paths\nTotal watches:\(counts.total)\n"
    }

    private func listed(_ groups: [(String, [String])]) -> String {
        groups.map { "\($0)\n" + $1.map { "\t\($0)\n" }.joined() }.joined()
    }
}

extension LatencyStatistics {
    /// With at most four decimals, at least one.
    var averageText: String { "\((average * 10_000).rounded() / 10_000)" }
}

extension Int64 {
    /// As Apache ZooKeeper writes session ids and zxids: `0x1f`.
    var hexadecimal: String { "0x" + String(UInt64(bitPattern: self), radix: 16) }
}
