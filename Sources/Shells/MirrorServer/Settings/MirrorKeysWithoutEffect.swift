import Settings

/// Keys that MirrorMaker 2 and the clients in it know, and this mirror does without.
enum MirrorKeysWithoutEffect {
    private static let asTheyAre = "batches are forwarded as they are"
    private static let byPatterns = "topics, groups and settings are chosen by lists of patterns"

    /// Any key that begins with `source.cluster.` or `target.cluster.`: so connectors name clusters.
    private static let ofClusters = "source.cluster.*, target.cluster.*"

    /// Of links, as they stand alone or after `source->target.`.
    static let ofLinks = [
        IgnoredKeys(["transforms", "predicates"], because: asTheyAre),
        IgnoredKeys(
            ["config.property.filter.class", "group.filter.class", "topic.filter.class"], because: byPatterns),
        IgnoredKeys([ofClusters], because: "what concerns a cluster stands after its alias"),
        IgnoredKeys([
            "add.source.alias.to.metrics", "admin.timeout.ms", "auto.include.jmx.reporter", "config.action.reload",
            "connector.class", "consumer.poll.timeout.ms", "errors.log.enable", "errors.log.include.messages",
            "errors.retry.delay.max.ms", "errors.retry.timeout", "errors.tolerance", "exactly.once.support",
            "forwarding.admin.class", "header.converter", "key.converter", "metric.reporters", "offset.lag.max",
            "offsets.storage.topic", "refresh.groups.enabled", "refresh.groups.interval.seconds", "tasks.max",
            "tasks.max.enforce", "topic.creation.enable", "transaction.boundary", "transaction.boundary.interval.ms",
            "use.defaults.from", "use.incremental.alter.configs", "value.converter",
        ]),
    ]

    /// Of the process, as they stand alone or after `alias.`.
    static let ofProcesses = [
        IgnoredKeys(["exactly.once.source.support"], because: "nothing is copied twice, whatever it says"),
        IgnoredKeys([
            "access.control.allow.methods", "access.control.allow.origin", "admin.listeners",
            "config.storage.replication.factor", "config.storage.topic", "connect.protocol",
            "connector.client.config.override.policy", "dedicated.mode.enable.internal.rest",
            "inter.worker.key.generation.algorithm", "inter.worker.key.size", "inter.worker.key.ttl.ms",
            "inter.worker.signature.algorithm", "inter.worker.verification.algorithms", "listeners", "name",
            "offset.flush.interval.ms", "offset.flush.timeout.ms", "offset.storage.partitions",
            "offset.storage.replication.factor", "plugin.discovery", "plugin.path",
            "rebalance.timeout.ms", "response.http.headers.config", "rest.advertised.host.name",
            "rest.advertised.listener", "rest.advertised.port", "rest.extension.classes",
            "scheduled.rebalance.max.delay.ms", "ssl.client.auth", "status.storage.partitions",
            "status.storage.replication.factor", "status.storage.topic", "task.shutdown.graceful.timeout.ms",
            "topic.tracking.allow.reset", "topic.tracking.enable", "worker.sync.timeout.ms",
            "worker.unsync.backoff.ms",
        ]),
    ]

    /// Of clients, as they stand alone or after `alias.`.
    static let ofClients = [
        IgnoredKeys(
            ["auto.offset.reset"], because: "a topic is copied from the beginning of what its source still has"),
        IgnoredKeys(["isolation.level"], because: "records of aborted transactions are never copied"),
        IgnoredKeys(
            ["compression.gzip.level", "compression.lz4.level", "compression.type", "compression.zstd.level"],
            because: asTheyAre),
        IgnoredKeys(["interceptor.classes", "partitioner.class"], because: asTheyAre),
        IgnoredKeys(
            Set(
                [
                    "client.callback.handler.class", "jaas.config", "kerberos.kinit.cmd",
                    "kerberos.min.time.before.relogin", "kerberos.service.name", "kerberos.ticket.renew.jitter",
                    "kerberos.ticket.renew.window.factor", "login.callback.handler.class", "login.class",
                    "login.connect.timeout.ms", "login.read.timeout.ms", "login.refresh.buffer.seconds",
                    "login.refresh.min.period.seconds", "login.refresh.window.factor", "login.refresh.window.jitter",
                    "login.retry.backoff.max.ms", "login.retry.backoff.ms", "mechanism",
                    "oauthbearer.clock.skew.seconds", "oauthbearer.expected.audience", "oauthbearer.expected.issuer",
                    "oauthbearer.header.urlencode", "oauthbearer.jwks.endpoint.refresh.ms",
                    "oauthbearer.jwks.endpoint.retry.backoff.max.ms", "oauthbearer.jwks.endpoint.retry.backoff.ms",
                    "oauthbearer.jwks.endpoint.url", "oauthbearer.scope.claim.name", "oauthbearer.sub.claim.name",
                    "oauthbearer.token.endpoint.url",
                ].map { "sasl.\($0)" }), because: "a mirror proves who it is by a certificate"),
        IgnoredKeys([
            "acks", "allow.auto.create.topics", "auto.commit.interval.ms", "auto.include.jmx.reporter", "batch.size",
            "bootstrap.controllers", "buffer.memory", "check.crcs", "client.dns.lookup", "client.rack",
            "connections.max.idle.ms", "delivery.timeout.ms", "enable.auto.commit", "enable.idempotence",
            "enable.metrics.push", "exclude.internal.topics", "fetch.max.bytes", "fetch.max.wait.ms",
            "fetch.min.bytes", "group.id", "group.instance.id", "group.protocol", "group.remote.assignor",
            "heartbeat.interval.ms", "key.deserializer", "key.serializer", "linger.ms", "max.block.ms",
            "max.in.flight.requests.per.connection", "max.partition.fetch.bytes", "max.poll.interval.ms",
            "max.poll.records", "max.request.size", "metadata.max.idle.ms", "metadata.recovery.strategy",
            "metric.reporters", "metrics.num.samples", "metrics.recording.level", "metrics.sample.window.ms",
            "partition.assignment.strategy", "partitioner.adaptive.partitioning.enable",
            "partitioner.availability.timeout.ms", "partitioner.ignore.keys", "receive.buffer.bytes",
            "reconnect.backoff.max.ms", "reconnect.backoff.ms", "retries", "security.providers", "send.buffer.bytes",
            "session.timeout.ms", "socket.connection.setup.timeout.ms", "ssl.engine.factory.class",
            "ssl.keymanager.algorithm", "ssl.keystore.password", "ssl.provider",
            "ssl.secure.random.implementation", "ssl.trustmanager.algorithm", "ssl.truststore.password",
            "transaction.timeout.ms", "transactional.id", "value.deserializer", "value.serializer",
        ]),
    ]

    private static let kinds = ["consumer", "producer", "admin"]

    /// Of one kind of client alone, after `consumer.`, `producer.` or `admin.`.
    static let ofKindsOfClients =
        kinds.flatMap { kind in ofClients.map { $0.scoped(kind) } } + [
            IgnoredKeys(
                Set(kinds.flatMap { kind in MirrorSchema.clientKeys.map { "\(kind).\($0.name)" } }),
                because: "all clients of a cluster are set alike, without consumer, producer or admin before the key")
        ]

    /// What MirrorMaker 2 also called `topics.exclude`, `groups.exclude` and `config.properties.exclude` before Apache Kafka
    /// 4.0.
    private static let formerNames = [
        "topics.blacklist": "topics.exclude", "groups.blacklist": "groups.exclude",
        "config.properties.blacklist": "config.properties.exclude",
    ]

    /// The same file with keys by the names that they have now, and what an operator should know of that. A key that
    /// stands there by both names counts by the present one.
    static func withPresentNames(_ file: PropertiesFile) -> (file: PropertiesFile, warnings: [String]) {
        var renamed = file
        var warnings: [String] = []
        renamed.entries = file.entries.compactMap { entry in
            let scope = entry.key.firstRange(of: "->").flatMap { arrow in
                entry.key[arrow.upperBound...].firstIndex(of: ".").map { entry.key[...$0] }
            }
            let former = String(entry.key.dropFirst(scope?.count ?? 0))
            guard let present = formerNames[former].map({ "\(scope ?? "")\($0)" }) else { return entry }
            let place = entry.line > 0 ? "\(file.path):\(entry.line): " : ""
            guard !file.entries.contains(where: { $0.key == present }) else {
                warnings.append("\(place)\(entry.key) has no effect beside \(present)")
                return nil
            }
            warnings.append("\(place)\(entry.key) is called \(present) now")
            return PropertiesFile.Entry(key: present, value: entry.value, line: entry.line)
        }
        return (renamed, warnings)
    }

    /// The name by which a key of connectors is known here. A key of one kind of client as it stands alone: links and connectors may set it in many ways before which stand
    /// `alias.`, or `source->target.` with `source.`, `target.` or neither, and behind which `override.` may follow. nil for
    /// any other key.
    static func ofAClient(_ key: String, aliases: [String], links: [String]) -> String? {
        var rest = key[...]
        for scope in aliases + links where rest.hasPrefix("\(scope).") {
            rest = rest.dropFirst(scope.utf8.count + 1)
            break
        }
        if rest.hasPrefix("source.cluster.") || rest.hasPrefix("target.cluster.") { return ofClusters }
        for end in ["source.", "target."] where rest.hasPrefix(end) { rest = rest.dropFirst(end.utf8.count) }
        guard let kind = kinds.first(where: { rest.hasPrefix("\($0).") }) else { return nil }
        rest = rest.dropFirst(kind.utf8.count + 1)
        if rest.hasPrefix("override.") { rest = rest.dropFirst("override.".utf8.count) }
        return "\(kind).\(rest)"
    }
}

extension IgnoredKeys {
    /// The same keys after a scope and a dot.
    func scoped(_ scope: String) -> IgnoredKeys {
        IgnoredKeys(Set(names.map { "\(scope).\($0)" }), because: reason)
    }
}
