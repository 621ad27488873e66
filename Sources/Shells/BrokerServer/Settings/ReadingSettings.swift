import BrokerKernel
import ClusterModel
import Controller
import Groups
import Security
import Settings
import Transport

extension BrokerSettings {
    /// Reads a `server.properties`. Returns what an operator should know besides, as sentences.
    package static func read(
        _ file: PropertiesFile
    ) throws(InvalidSettings) -> (settings: BrokerSettings, warnings: [String]) {
        let values = try BrokerSchema.schema.read(file)
        var problems: [String] = []
        let (listeners, advertised) = readListeners(values, problems: &problems)
        let id = values.integer("broker.id")
        var settings = BrokerSettings(
            brokerID: id < 0 ? nil : BrokerID(Int32(id)), rack: values["broker.rack"],
            dataDirectories: readDataDirectories(values, problems: &problems), listeners: listeners,
            advertised: advertised,
            interBrokerListener: readInterBrokerListener(values, advertised, problems: &problems),
            coordinatorAddress: values["zookeeper.connect"] ?? "",
            kernel: readKernel(values))
        settings.kernel.groups.consumer = readConsumerProtocol(values, problems: &problems)
        if settings.coordinatorAddress.trimmed.isEmpty {
            problems.append("\(file.path): zookeeper.connect is missing: it says where the coordinator is")
        }
        settings.kernel.access = readAccess(values, problems: &problems)
        settings.coordinatorSessionTimeout = values.milliseconds("zookeeper.session.timeout.ms")
        settings.coordinatorConnectionTimeout =
            values["zookeeper.connection.timeout.ms"] == nil
            ? settings.coordinatorSessionTimeout : values.milliseconds("zookeeper.connection.timeout.ms")
        settings.coordinatorTLS = readCoordinatorTLS(values, problems: &problems)
        settings.peerPatience = values.milliseconds("replica.socket.timeout.ms")
        settings.leadership = readLeadership(values)
        settings.readCoordinatorLogin(values, problems: &problems)
        guard problems.isEmpty else { throw InvalidSettings(problems: problems) }
        return (settings, values.warnings)
    }

    private static func readAccess(_ values: SettingValues, problems: inout [String]) -> AccessSettings? {
        guard !values.text("authorizer.class.name").trimmed.isEmpty else { return nil }
        var access = AccessSettings(allowsWithoutRules: values.boolean("allow.everyone.if.no.acl.found"))
        switch AccessSettings.superUsers(values.text("super.users")) {
        case .success(let users): access.superUsers = users
        case .failure(let fault):
            problems.append(
                "\(values.place(of: "super.users"))super.users: '\(fault.text)' is not allowed: each is type:name, as "
                    + "User:alice, with semicolons between them")
        }
        return access
    }

    private static func readDataDirectories(_ values: SettingValues, problems: inout [String]) -> [String] {
        let key = values.isSet("log.dirs") ? "log.dirs" : "log.dir"
        let directories = values.list(key)
        if directories.isEmpty || Set(directories).count < directories.count {
            problems.append(
                "\(values.place(of: key))\(key)='\(values.text(key))' is not allowed: directories, each once")
        }
        // Paths of files are compared with them.
        return directories.map { directory in
            let trimmed = String(directory.reversed().drop { $0 == "/" }.reversed())
            return trimmed.isEmpty ? "/" : trimmed
        }
    }

    private static func readCoordinatorTLS(_ values: SettingValues, problems: inout [String]) -> TLSSettings? {
        guard values.boolean("zookeeper.ssl.client.enable") else { return nil }
        let prefix = "zookeeper."
        do throws(UnusableTLSKey) {
            return try TLSSettings { key in
                // The password of a PEM store is that of its key.
                let name = key == "ssl.key.password" ? "ssl.keystore.password" : key
                return values.isSet(prefix + name) ? values[prefix + name] : nil
            }
        } catch {
            problems.append("\(values.place(of: prefix + error.key))\(prefix)\(error)")
            return nil
        }
    }

    private static func readKernel(_ values: SettingValues) -> BrokerKernelSettings {
        var kernel = BrokerKernelSettings(brokerID: BrokerID(-1), clusterID: "")
        kernel.defaultPartitionCount = Int32(values.integer("num.partitions"))
        kernel.defaultReplicationFactor = Int16(values.integer("default.replication.factor"))
        kernel.createsTopicsAutomatically = values.boolean("auto.create.topics.enable")
        kernel.mayDeleteTopics = values.boolean("delete.topic.enable")
        kernel.maximumFetchSizeInBytes = Int(values.integer("fetch.max.bytes"))
        kernel.fetchSessionSlots = Int(values.integer("max.incremental.fetch.session.cache.slots"))
        kernel.retentionCheckInterval = values.milliseconds("log.retention.check.interval.ms")
        kernel.highWatermarkCheckpointInterval = values.milliseconds("replica.high.watermark.checkpoint.interval.ms")
        readReplication(values, into: &kernel)
        kernel.producerIDExpirationInMilliseconds = values.integer("producer.id.expiration.ms")
        kernel.committedOffsetsPartitionCount = Int32(values.integer("offsets.topic.num.partitions"))
        kernel.committedOffsetsReplicationFactor = Int16(values.integer("offsets.topic.replication.factor"))
        kernel.committedOffsetsSegmentSizeInBytes = Int(values.integer("offsets.topic.segment.bytes"))
        kernel.compaction = readCompaction(values)
        kernel.groups = readGroups(values)
        for key in values.keysSet { kernel.configured[key] = values[key] }
        kernel.brokerConfigs = BrokerSchema.schema.keys.map { key in
            BrokerConfig(
                name: key.name, value: values[key.name], isSet: values.isSet(key.name),
                isSensitive: key.kind.isSecret, wireType: key.kind.wireType, defaultValue: key.defaultText)
        }.sorted { $0.name < $1.name }
        return kernel
    }

    private static func readCompaction(_ values: SettingValues) -> CompactionSettings {
        var compaction = CompactionSettings()
        compaction.isEnabled = values.boolean("log.cleaner.enable")
        compaction.backoff = values.milliseconds("log.cleaner.backoff.ms")
        compaction.bytesPerSecond = values.decimal("log.cleaner.io.max.bytes.per.second")
        compaction.limits.dedupeBufferSizeInBytes = Int(values.integer("log.cleaner.dedupe.buffer.size"))
        compaction.limits.dedupeBufferLoadFactor = values.decimal("log.cleaner.io.buffer.load.factor")
        compaction.limits.bufferSizeInBytes = Int(values.integer("log.cleaner.io.buffer.size"))
        return compaction
    }

    private static func readReplication(_ values: SettingValues, into kernel: inout BrokerKernelSettings) {
        kernel.replicaLagLimit = values.milliseconds("replica.lag.time.max.ms")
        kernel.replicaFetchWait = values.milliseconds("replica.fetch.wait.max.ms")
        kernel.replicaFetchMinimumBytes = Int32(values.integer("replica.fetch.min.bytes"))
        kernel.replicaFetchPartitionMaximumBytes = Int32(values.integer("replica.fetch.max.bytes"))
        kernel.replicaFetchResponseMaximumBytes = Int32(values.integer("replica.fetch.response.max.bytes"))
        kernel.replicaFetchBackoff = values.milliseconds("replica.fetch.backoff.ms")
        kernel.replicationQuotaWindowCount = Int(values.integer("replication.quota.window.num"))
        kernel.replicationQuotaWindow = .seconds(values.integer("replication.quota.window.size.seconds"))
        kernel.sendsConsumersToTheirRack = values.text("replica.selector.class").hasSuffix(".RackAwareReplicaSelector")
    }

    /// The listener by which brokers reach each other. A broker without one of the protocol that brokers speak when
    /// nothing was said takes its first.
    private static func readInterBrokerListener(
        _ values: SettingValues, _ advertised: [BrokerEndpoint], problems: inout [String]
    ) -> String {
        let nameKey = "inter.broker.listener.name"
        let protocolKey = "security.inter.broker.protocol"
        if let wanted = values[nameKey]?.trimmed.uppercased(), !wanted.isEmpty {
            if values.isSet(protocolKey) {
                problems.append("\(values.place(of: nameKey))only one of \(nameKey) and \(protocolKey) may be set")
            } else if !advertised.contains(where: { $0.listenerName == wanted }) {
                problems.append(
                    "\(values.place(of: nameKey))\(nameKey)='\(wanted)' is not allowed: advertised.listeners has no "
                        + "such listener")
            }
            return wanted
        }
        let spoken = values.text(protocolKey)
        if let found = advertised.first(where: { $0.securityProtocol == spoken }) { return found.listenerName }
        if values.isSet(protocolKey) {
            problems.append(
                "\(values.place(of: protocolKey))\(protocolKey)='\(spoken)' is not allowed: no listener speaks it")
        }
        return advertised.first?.listenerName ?? ""
    }

    private static func readLeadership(_ values: SettingValues) -> LeadershipSettings {
        var leadership = LeadershipSettings()
        leadership.mayBeUnclean = values.boolean("unclean.leader.election.enable")
        leadership.isRebalanced = values.boolean("auto.leader.rebalance.enable")
        leadership.imbalanceCheckInterval = .seconds(values.integer("leader.imbalance.check.interval.seconds"))
        leadership.imbalancePercentage = Int(values.integer("leader.imbalance.per.broker.percentage"))
        let backoff = values.milliseconds("controlled.shutdown.retry.backoff.ms")
        leadership.controlledShutdownTime =
            values.boolean("controlled.shutdown.enable")
            ? backoff * Double(values.integer("controlled.shutdown.max.retries")) : .zero
        return leadership
    }

    private static func readGroups(_ values: SettingValues) -> GroupSettings {
        var groups = GroupSettings()
        let shortest = Int32(values.integer("group.min.session.timeout.ms"))
        groups.sessionTimeoutsInMilliseconds =
            shortest...max(shortest, Int32(values.integer("group.max.session.timeout.ms")))
        groups.maximumSize = Int(values.integer("group.max.size"))
        groups.initialRebalanceDelay = values.milliseconds("group.initial.rebalance.delay.ms")
        groups.maximumMetadataLength = Int(values.integer("offset.metadata.max.bytes"))
        groups.commitTimeout = values.milliseconds("offsets.commit.timeout.ms")
        groups.offsetRetention = .seconds(values.integer("offsets.retention.minutes") * 60)
        groups.retentionCheckInterval = values.milliseconds("offsets.retention.check.interval.ms")
        return groups
    }
}

extension SettingKind {
    fileprivate var isSecret: Bool { if case .secret = self { true } else { false } }

    /// The type by its number on the wire (KIP-569).
    fileprivate var wireType: Int8 {
        switch self {
        case .boolean: 1
        case .text, .word: 2
        case .integer(let range): range.upperBound > Int64(Int32.max) ? 5 : range.upperBound > 32_767 ? 3 : 4
        case .decimal: 6
        case .list, .words: 7
        case .secret: 9
        }
    }
}
