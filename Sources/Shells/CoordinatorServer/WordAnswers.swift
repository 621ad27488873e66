import CoordinatorKernel
import Glibc
import Seams
import Settings
import Telemetry

/// The texts that answer four-letter words, in Apache ZooKeeper's layouts, which monitoring reads.
struct WordAnswers: Sendable {
    /// The release of Apache ZooKeeper whose behaviour is offered: clients choose what they use by it.
    static let version = "3.9.5-martlet"

    var settings: CoordinatorSettings
    /// Where it listens in fact.
    var plaintextPort: Int?
    var securePort: Int?
    var started: Instant
    /// Of a directory, in bytes.
    var sizeOfDirectory: @Sendable (String) -> Int

    func answer(to word: FourLetterWord, from kernel: inout CoordinatorKernel, at now: Instant) -> String {
        switch word {
        case .srst:
            kernel.resetServerStatistics()
            return "Server stats reset.\n"
        case .crst:
            kernel.resetConnectionStatistics()
            return "Connection stats reset.\n"
        default: return answer(to: word, from: kernel, at: now)
        }
    }

    private func answer(to word: FourLetterWord, from kernel: CoordinatorKernel, at now: Instant) -> String {
        switch word {
        case .ruok: "imok"
        case .isro: "rw"
        case .srvr: server(kernel, clients: nil)
        case .stat: server(kernel, clients: kernel.connectionStatuses())
        case .mntr: monitor(kernel, at: now)
        case .conf: configuration()
        case .cons: kernel.connectionStatuses().map { connection($0, at: now) }.joined() + "\n"
        case .dump: dump(kernel, at: now)
        case .wchs: watchSummary(kernel.status().watches)
        case .wchc: listed(kernel.watchedPathsBySession().map { (hex($0.session), $0.paths) })
        case .wchp: listed(kernel.watchingSessionsByPath().map { ($0.path, $0.sessions.map(hex)) })
        case .envi: environment()
        case .dirs:
            "datadir_size: \(sizeOfDirectory(settings.storage.snapshotDirectory))\n"
                + "logdir_size: \(sizeOfDirectory(settings.storage.logDirectory))\n"
        case .srst, .crst: preconditionFailure("\(word) changes what it is asked of")
        }
    }

    private func hex(_ number: Int64) -> String { "0x" + String(UInt64(bitPattern: number), radix: 16) }

    /// At most four decimals, at least one.
    private func decimal(_ number: Double) -> String { "\((number * 10_000).rounded() / 10_000)" }

    // MARK: srvr, stat, cons

    private func server(_ kernel: CoordinatorKernel, clients: [ConnectionStatus]?) -> String {
        let status = kernel.status()
        let latency = status.server.latency
        var text = "Zookeeper version: \(Self.version)\n"
        if let clients {
            text += "Clients:\n"
            for client in clients {
                let counts = client.statistics
                text +=
                    " /\(client.address)[1](queued=\(counts.queued),recved=\(counts.received),sent=\(counts.sent))\n"
            }
            text += "\n"
        }
        text += "Latency min/avg/max: \(latency.least)/\(decimal(latency.average))/\(latency.most)\n"
        text += "Received: \(status.server.received)\n"
        text += "Sent: \(status.server.sent)\n"
        text += "Connections: \(kernel.connectionCount)\n"
        text += "Outstanding: \(status.outstanding)\n"
        text += "Zxid: \(hex(status.lastZxid))\n"
        text += "Mode: standalone\n"
        text += "Node count: \(status.nodeCount)\n"
        return text
    }

    private func connection(_ status: ConnectionStatus, at now: Instant) -> String {
        let counts = status.statistics
        var text = " /\(status.address)[1](queued=\(counts.queued),recved=\(counts.received),sent=\(counts.sent)"
        if let session = status.session {
            let established = now.unixMilliseconds - (now - counts.established).milliseconds
            let replied = now.unixMilliseconds - (now - counts.lastReply).milliseconds
            text += ",sid=\(hex(session)),lop=\(counts.lastOperation),est=\(established)"
            text += ",to=\(status.timeoutInMilliseconds),lcxid=\(hex(Int64(UInt32(bitPattern: counts.lastXID))))"
            text += ",lzxid=\(hex(counts.lastZxid)),lresp=\(replied),llat=\(counts.lastLatency.milliseconds)"
            text += ",minlat=\(counts.latency.least),avglat=\(Int64(counts.latency.average))"
            text += ",maxlat=\(counts.latency.most)"
        }
        return text + ")\n"
    }

    // MARK: mntr, conf, envi

    private func monitor(_ kernel: CoordinatorKernel, at now: Instant) -> String {
        let status = kernel.status()
        let latency = status.server.latency
        let rows: [(name: String, value: String)] = [
            ("version", Self.version),
            ("server_state", "standalone"),
            ("avg_latency", decimal(latency.average)),
            ("min_latency", "\(latency.least)"),
            ("max_latency", "\(latency.most)"),
            ("packets_received", "\(status.server.received)"),
            ("packets_sent", "\(status.server.sent)"),
            ("num_alive_connections", "\(kernel.connectionCount)"),
            ("outstanding_requests", "\(status.outstanding)"),
            ("znode_count", "\(status.nodeCount)"),
            ("watch_count", "\(status.watchCount)"),
            ("ephemerals_count", "\(status.ephemeralCount)"),
            ("approximate_data_size", "\(status.dataSizeInBytes)"),
            ("global_sessions", "\(status.sessionCount)"),
            ("local_sessions", "0"),
            ("last_zxid", "\(status.lastZxid)"),
            ("uptime", "\((now - started).milliseconds)"),
            ("open_file_descriptor_count", "\(Self.openFileCount())"),
            ("max_file_descriptor_count", "\(Self.openFileLimit())"),
        ]
        return rows.map { "zk_\($0.name)\t\($0.value)\n" }.joined()
    }

    private static func openFileCount() -> Int {
        guard let directory = opendir("/proc/self/fd") else { return 0 }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        // Without `.`, `..` and the directory itself.
        return max(0, count - 3)
    }

    private static func openFileLimit() -> UInt {
        var limit = rlimit()
        return getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 ? limit.rlim_cur : 0
    }

    private func configuration() -> String {
        let storage = settings.storage
        let rows: [(String, String)] = [
            ("clientPort", "\(plaintextPort ?? -1)"),
            ("secureClientPort", "\(securePort ?? -1)"),
            ("dataDir", storage.snapshotDirectory),
            ("dataDirSize", "\(sizeOfDirectory(storage.snapshotDirectory))"),
            ("dataLogDir", storage.logDirectory),
            ("dataLogSize", "\(sizeOfDirectory(storage.logDirectory))"),
            ("tickTime", "\(settings.tickTime.milliseconds)"),
            ("maxClientCnxns", "\(settings.maximumConnectionsPerAddress)"),
            ("minSessionTimeout", "\(settings.sessionTimeouts.lowerBound.milliseconds)"),
            ("maxSessionTimeout", "\(settings.sessionTimeouts.upperBound.milliseconds)"),
            ("clientPortListenBacklog", "-1"),
            ("serverId", "0"),
        ]
        return rows.map { "\($0)=\($1)\n" }.joined()
    }

    private func environment() -> String {
        var system = utsname()
        uname(&system)
        func text<Tuple>(_ tuple: Tuple) -> String {
            withUnsafeBytes(of: tuple) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        }
        return """
            Environment:
            zookeeper.version=\(Self.version)
            host.name=\(text(system.nodename))
            os.name=\(text(system.sysname))
            os.arch=\(text(system.machine))
            os.version=\(text(system.release))

            """
    }

    // MARK: dump, wchs, wchc, wchp

    private func dump(_ kernel: CoordinatorKernel, at now: Instant) -> String {
        let sessions = kernel.sessionStatuses(at: now)
        let buckets = Dictionary(grouping: sessions) { $0.deadline.unixMilliseconds }.sorted { $0.key < $1.key }
        var text = "SessionTracker dump:\nSession Sets (\(buckets.count))/(\(sessions.count)):\n"
        for (deadline, sessions) in buckets {
            text += "\(sessions.count) expire at \(LogLines.timestamp(deadline)):\n"
            for session in sessions { text += "\t\(hex(session.id))\n" }
        }
        let owners = sessions.filter { !$0.ephemerals.isEmpty }
        text += "ephemeral nodes dump:\nSessions with Ephemerals (\(owners.count)):\n"
        for owner in owners {
            text += "\(hex(owner.id)):\n"
            for path in owner.ephemerals { text += "\t\(path)\n" }
        }
        let connections = kernel.connectionStatuses()
        text += "Connections dump:\nConnections Sets (1)/(\(connections.count)):\n"
        for connection in connections {
            text += "\t/\(connection.address)\(connection.session.map { " \(hex($0))" } ?? "")\n"
        }
        return text
    }

    private func watchSummary(_ counts: CoordinatorStatus.WatchCounts) -> String {
        "\(counts.connections) connections watching \(counts.paths) paths\nTotal watches:\(counts.total)\n"
    }

    private func listed(_ groups: [(String, [String])]) -> String {
        groups.map { "\($0)\n" + $1.map { "\t\($0)\n" }.joined() }.joined()
    }
}
