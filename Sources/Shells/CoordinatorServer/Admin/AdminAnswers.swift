import CoordinatorKernel
import Seams
import Telemetry
import ZNodes

/// What the AdminServer's commands answer, in Apache ZooKeeper's fields.
struct AdminAnswers: Sendable {
    typealias Fields = [JSONValue.Field]

    /// Why there is no answer, as a sentence.
    struct Refusal: Error {
        let sentence: String
    }

    let surroundings: Surroundings

    /// The JSON that answers a command.
    ///
    /// - Parameters:
    ///   - name: as it was asked by.
    ///   - arguments: of the query.
    func answer(to name: String, _ arguments: [String: String], seenThrough kernel: KernelWindow) -> JSONValue {
        do throws(Refusal) {
            guard let command = AdminCommand(named: name) else {
                throw Refusal(sentence: "Unknown command: \(name)")
            }
            let fields = try self.fields(of: command, arguments, kernel)
            return .object(fields + [.init("command", .text(command.rawValue)), .init("error", .null)])
        } catch {
            return .object([.init("command", .text(name)), .init("error", .text(error.sentence))])
        }
    }

    private func fields(
        of command: AdminCommand, _ arguments: [String: String], _ kernel: KernelWindow
    ) throws(Refusal) -> Fields {
        switch command {
        case .environment: return surroundings.environment.map { .init($0.name, .text($0.value)) }
        case .systemProperties: return systemProperties
        case .initialConfiguration: return [.init("initial_configuration", .text(initialConfiguration))]
        case .getTraceMask: return [.init("tracemask", .number(surroundings.traceMask.value))]
        case .setTraceMask:
            guard let mask = arguments["traceMask"].flatMap({ Int64($0) }) else {
                throw Refusal(sentence: "setTraceMask requires long traceMask argument")
            }
            surroundings.traceMask.set(mask)
            return [.init("tracemask", .number(mask))]
        default:
            guard let fields = try serving(command, kernel) else { throw Refusal(sentence: WordAnswers.notServing) }
            return fields
        }
    }

    /// What only those tell who serve; nil for the others.
    private func serving(_ command: AdminCommand, _ kernel: KernelWindow) throws(Refusal) -> Fields? {
        switch command {
        case .ruok, .connectionStatReset, .statReset, .observerConnectionStatReset:
            return kernel.lookIfServing { loop, now in
                if command == .connectionStatReset { loop.kernel.resetConnectionStatistics() }
                if command == .statReset { loop.resetStatistics(at: now) }
                return []
            }
        case .isReadOnly:
            return kernel.lookIfServing { loop, _ in [.init("read_only", .bool(loop.kernel.role.isReadOnly))] }
        case .configuration:
            return kernel.lookIfServing { loop, _ in (loop.ports, loop.kernel.ensembleStatus) }
                .map { ports, ensemble in configuration(ports, member: ensemble?.id.number ?? 0) }
        case .dirs: return kernel.lookIfServing { _, _ in () }.map { directorySizes("datadir_size", "logdir_size") }
        case .lastSnapshot: return kernel.lookIfServing { _, _ in () }.map { lastSnapshot }
        case .monitor: return kernel.lookIfServing { loop, now in loop.monitorReport(at: now) }.map(monitor)
        case .serverStats:
            return kernel.lookIfServing { loop, now in loop.monitorReport(at: now) }.map(serverStatistics)
        case .stats:
            return kernel.lookIfServing { loop, now in (loop.monitorReport(at: now), loop.connections(at: now)) }
                .map { report, connections in serverStatistics(report) + list(connections, inFull: false) }
        case .connections:
            return kernel.lookIfServing { loop, now in loop.connections(at: now) }.map { list($0, inFull: true) }
        case .dump: return kernel.lookIfServing { loop, now in loop.kernel.sessionStatuses(at: now) }.map(dump)
        case .watchSummary: return kernel.lookIfServing { loop, _ in loop.kernel.watchCounts() }.map(watchSummary)
        case .watches:
            return kernel.lookIfServing { loop, _ in loop.kernel.watchedPathsBySession() }.map { sessions in
                let fields = sessions.map { JSONValue.Field("\($0.session)", .list($0.paths.map { .text($0) })) }
                return [.init("session_id_to_watched_paths", .object(fields))]
            }
        case .watchesByPath:
            return kernel.lookIfServing { loop, _ in loop.kernel.watchingSessionsByPath() }.map { paths in
                let fields = paths.map { JSONValue.Field($0.path, .list($0.sessions.map { .number($0) })) }
                return [.init("path_to_session_ids", .object(fields))]
            }
        case .hash:
            return kernel.lookIfServing { loop, _ in loop.kernel.digests }.map { digests in
                [.init("digests", .list(digests.map(digest)))]
            }
        case .leader, .observers, .votingView, .zabstate:
            guard let status = kernel.look({ loop, _ in loop.kernel.status() }) else { return nil }
            return try ensemble(command, status)
        case .environment, .systemProperties, .initialConfiguration, .getTraceMask, .setTraceMask, .snapshot, .restore:
            preconditionFailure("\(command) is not answered here")
        }
    }

    private func ensemble(_ command: AdminCommand, _ status: CoordinatorStatus) throws(Refusal) -> Fields {
        guard let answers = EnsembleAnswers(status) else { return try standalone(command) }
        switch command {
        case .observers: return answers.observerFields
        case .votingView: return answers.votingFields
        case .zabstate: return answers.stateFields
        default:
            guard let fields = answers.leaderFields else { throw Refusal(sentence: WordAnswers.notServing) }
            return fields
        }
    }

    private func standalone(_ command: AdminCommand) throws(Refusal) -> Fields {
        switch command {
        case .observers: [.init("synced_observers", .number(0)), .init("observers", .list([]))]
        case .votingView: [.init("current_config", .object([]))]
        case .zabstate: [.init("voting", .bool(false)), .init("zabstate", .text(""))]
        default: throw Refusal(sentence: "server is not initialized")
        }
    }

    // MARK: What is asked of nobody

    private var systemProperties: Fields {
        surroundings.settings.entries.map { .init("zookeeper.\($0.key)", .text($0.value)) }
    }

    private var initialConfiguration: String {
        surroundings.settings.entries.map { "\($0.key)=\($0.value)\n" }.joined()
    }

    private func configuration(_ ports: ClientPorts, member: Int64) -> Fields {
        let settings = surroundings.settings
        var fields: Fields = [.init("client_port", .number(ports.plaintext ?? -1))]
        if let port = ports.secure { fields.append(.init("secure_client_port", .number(port))) }
        return fields + [
            .init("data_dir", .text(settings.storage.snapshotDirectory)),
            .init("data_log_dir", .text(settings.storage.logDirectory)),
            .init("tick_time", .number(settings.tickTime.milliseconds)),
            .init("max_client_cnxns", .number(settings.maximumConnectionsPerAddress)),
            .init("min_session_timeout", .number(settings.sessionTimeouts.lowerBound.milliseconds)),
            .init("max_session_timeout", .number(settings.sessionTimeouts.upperBound.milliseconds)),
            .init("server_id", .number(member)),
            .init("client_port_listen_backlog", .number(-1)),
        ]
    }

    private func directorySizes(_ snapshots: String, _ logs: String) -> Fields {
        [
            .init(snapshots, .number(surroundings.snapshotDirectorySize)),
            .init(logs, .number(surroundings.logDirectorySize)),
        ]
    }

    private var lastSnapshot: Fields {
        let last = surroundings.lastSnapshot ?? (zxid: -1, unixSeconds: -1)
        return [
            .init("zxid", .text(String(UInt64(bitPattern: last.zxid), radix: 16))),
            .init("timestamp", .number(last.unixSeconds)),
        ]
    }

    // MARK: Layouts

    private func monitor(_ report: MonitorReport) -> Fields {
        report.texts.map { .init($0.name, .text($0.value)) }
            + report.metrics.flatMap(\.figures).map { name, number in
                .init(name, Int64(exactly: number).map { .number($0) } ?? .decimal(number))
            }
    }

    private func serverStatistics(_ report: MonitorReport) -> Fields {
        let status = report.status
        let responses = bufferSizes(status.server.replySizes)
        let statistics: Fields =
            [
                .init("packets_sent", .number(status.server.sent)),
                .init("packets_received", .number(status.server.received)),
                .init("fsync_threshold_exceed_count", .number(report.disk.slowSyncs)),
                .init("client_response_stats", responses),
            ] + directorySizes("data_dir_size", "log_dir_size") + [
                .init("provider_null", .bool(false)),
                .init("server_state", .text(status.role.name)),
                .init("last_processed_zxid", .number(status.lastZxid)),
                .init("outstanding_requests", .number(status.outstanding)),
                .init("avg_latency", .decimal((status.server.latency.average * 10_000).rounded() / 10_000)),
                .init("max_latency", .number(status.server.latency.most)),
                .init("min_latency", .number(status.server.latency.least)),
                .init("num_alive_client_connections", .number(status.connectionCount)),
                .init("auth_failed_count", .number(status.server.failedAuthentications)),
                .init("uptime", .number(report.uptime.milliseconds)),
            ]
        var fields: Fields = [
            .init("version", .text(Surroundings.version)),
            .init("read_only", .bool(status.role.isReadOnly)),
            .init("server_stats", .object(statistics)),
            .init("client_response", responses),
        ]
        if case .leader = status.role, let ensemble = status.ensemble {
            fields.append(.init("proposal_stats", bufferSizes(ensemble.statistics.proposalSizes)))
        }
        return fields + [.init("node_count", .number(status.nodeCount))]
    }

    private func bufferSizes(_ sizes: SizeStatistics) -> JSONValue {
        .object([
            .init("last_buffer_size", .number(sizes.last)), .init("min_buffer_size", .number(sizes.least)),
            .init("max_buffer_size", .number(sizes.most)),
        ])
    }

    private func list(_ reports: [ConnectionReport], inFull: Bool) -> Fields {
        func connections(secure: Bool) -> JSONValue {
            .list(reports.filter { $0.isSecure == secure }.map { connection($0, inFull: inFull) })
        }
        return [
            .init("connections", connections(secure: false)), .init("secure_connections", connections(secure: true)),
        ]
    }

    private func connection(_ report: ConnectionReport, inFull: Bool) -> JSONValue {
        let counts = report.status.statistics
        var fields: Fields = [
            .init("remote_socket_address", .text(report.status.address)),
            .init("interest_ops", .number(1)),
            .init("outstanding_requests", .number(counts.queued)),
            .init("packets_received", .number(counts.received)),
            .init("packets_sent", .number(counts.sent)),
        ]
        guard inFull else { return .object(fields) }
        fields += [
            .init("session_id", .number(report.status.session ?? 0)),
            .init("last_operation", .text("\(counts.lastOperation)")),
            .init("established", .number(report.established)),
            .init("session_timeout", .number(report.status.timeoutInMilliseconds)),
            .init("last_cxid", .number(counts.lastXID)),
            .init("last_zxid", .number(counts.lastZxid)),
            .init("last_response_time", .number(report.lastReply)),
            .init("last_latency", .number(counts.lastLatency.milliseconds)),
            .init("min_latency", .number(counts.latency.least)),
            .init("avg_latency", .number(Int64(counts.latency.average))),
            .init("max_latency", .number(counts.latency.most)),
        ]
        return .object(fields)
    }

    private func dump(_ sessions: [SessionStatus]) -> Fields {
        let buckets = Dictionary(grouping: sessions) { $0.deadline.nanoseconds / 1_000_000 }
            .sorted { $0.key < $1.key }
        return [
            .init(
                "expiry_time_to_session_ids",
                .object(buckets.map { .init("\($0.key)", .list($0.value.map { .number($0.id) })) })),
            .init(
                "session_id_to_ephemeral_paths",
                .object(
                    sessions.filter { !$0.ephemerals.isEmpty }
                        .map { .init("\($0.id)", .list($0.ephemerals.map { .text($0) })) })),
        ]
    }

    private func digest(_ digest: ZxidDigest) -> JSONValue {
        .object([
            .init("zxid", .number(digest.zxid)), .init("digestVersion", .number(TreeDigest.version)),
            .init("digest", .number(digest.digest)),
        ])
    }

    private func watchSummary(_ counts: WatchCounts) -> Fields {
        [
            .init("num_connections", .number(counts.connections)), .init("num_paths", .number(counts.paths)),
            .init("num_total_watches", .number(counts.total)),
        ]
    }
}
