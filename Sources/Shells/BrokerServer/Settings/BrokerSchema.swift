import BrokerKernel
import Security
import Settings

/// The keys of `server.properties`, by Apache Kafka's names.
package enum BrokerSchema {
    package static let schema = SettingsSchema(
        keys: keys + topicDefaults, ignored: [IgnoredKeys(ApacheBrokerKeys.withoutEffect)],
        canonicalName: withoutListenerPrefix)

    /// Every key, annotated, as a file that runs beside a coordinator on the same machine.
    package static var reference: String {
        schema.reference(
            title: "The configuration of a broker: martlet-broker server.properties",
            essentials: ["log.dirs": "broker-data", "zookeeper.connect": "localhost:2181"])
    }

    /// `listener.name.<listener>.<key>` sets a key for one listener.
    static let listenerPrefix = "listener.name."

    @Sendable private static func withoutListenerPrefix(_ key: String) -> String? {
        guard key.hasPrefix(listenerPrefix),
            let dot = key.dropFirst(listenerPrefix.count).firstIndex(of: ".")
        else { return nil }
        let name = String(key[key.index(after: dot)...])
        return name.hasPrefix("ssl.") || name.hasPrefix("connections.") || name.hasPrefix("max.connection") ? name : nil
    }

    private static let anyCount: SettingKind = .integer(0...Int64(Int32.max))
    private static let someCount: SettingKind = .integer(1...Int64(Int32.max))
    private static let anyMilliseconds: SettingKind = .integer(0...Int64.max)

    private static let keys: [SettingKey] =
        identity + listening + tls + access + coordinator + topics + leadership + replication + groups + upkeep

    private static let identity: [SettingKey] = [
        SettingKey(
            "broker.id", .integer(-1...Int64(Int32.max)), default: "-1",
            "This broker's number, unlike those of the others in the cluster; -1 takes it from the data directory, or 0."
        ),
        SettingKey("broker.rack", .text, default: nil, "Where this broker stands: replicas spread over racks."),
        SettingKey(
            "log.dirs", .list, default: nil,
            "The data directories, one a disk, created if absent; a new partition goes where the fewest are. One that "
                + "fails or is full takes its partitions offline until the broker starts again."),
        SettingKey("log.dir", .text, default: "/tmp/kafka-logs", "The data directory when log.dirs is not set."),
    ]

    private static let listening: [SettingKey] = [
        SettingKey(
            "listeners", .list, default: "PLAINTEXT://:9092",
            "Where to listen: NAME://host:port; without a host on all addresses, with port 0 where the system chooses."),
        SettingKey(
            "advertised.listeners", .list, default: nil,
            "Where clients are told to connect; as listeners, with this machine's name for an empty host, if not set."),
        SettingKey(
            "listener.security.protocol.map", .list,
            default: "PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL",
            "The security protocol of each listener name."),
        SettingKey(
            "socket.request.max.bytes", someCount, default: "104857600",
            "Longest request in bytes; a longer one ends its connection."),
        SettingKey(
            "connections.max.idle.ms", .integer(-1...Int64.max), default: "600000",
            "After how long a silent connection is closed, in milliseconds; -1 for never."),
        SettingKey("max.connections", anyCount, default: "2147483647", "Connections of each listener."),
        SettingKey(
            "max.connections.per.ip", anyCount, default: "2147483647", "Connections of one address to a listener."),
    ]

    private static let tls: [SettingKey] = [
        SettingKey(
            "ssl.keystore.location", .text, default: nil, "PEM file with the private key, its certificate and chain."),
        SettingKey("ssl.keystore.type", .word(["PEM"]), default: "PEM", "Only PEM is read."),
        SettingKey("ssl.keystore.key", .secret, default: nil, "The private key itself, as PEM."),
        SettingKey("ssl.keystore.certificate.chain", .text, default: nil, "The certificates themselves, as PEM."),
        SettingKey("ssl.keystore.password", .secret, default: nil, "Means nothing to PEM files."),
        SettingKey("ssl.key.password", .secret, default: nil, "Password of the private key, if it is encrypted."),
        SettingKey(
            "ssl.truststore.location", .text, default: nil, "PEM file with the authorities of client certificates."),
        SettingKey("ssl.truststore.type", .word(["PEM"]), default: "PEM", "Only PEM is read."),
        SettingKey("ssl.truststore.certificates", .text, default: nil, "The authorities themselves, as PEM."),
        SettingKey("ssl.truststore.password", .secret, default: nil, "Means nothing to PEM files."),
        SettingKey(
            "ssl.client.auth", .word(["none", "requested", "required"]), default: "none",
            "Whether clients show certificates: never, if they have one, or always."),
        SettingKey("ssl.enabled.protocols", .list, default: "TLSv1.2,TLSv1.3", "Versions of TLS that are spoken."),
        SettingKey(
            "ssl.protocol", .word(["TLS", "TLSv1.2", "TLSv1.3"]), default: "TLSv1.3", "Highest version of TLS."),
        SettingKey("ssl.cipher.suites", .list, default: "", "Cipher suites, best first; OpenSSL's choice if empty."),
        SettingKey(
            "ssl.endpoint.identification.algorithm", .word(["https", "HTTPS", ""]), default: "https",
            "Of clients: whether a server's host name is checked."),
        SettingKey(
            "ssl.principal.mapping.rules", .text, default: "DEFAULT",
            "How a certificate's subject becomes a principal: RULE:pattern/replacement/[L|U], ..., DEFAULT."),
    ]

    private static let access: [SettingKey] = [
        SettingKey(
            "authorizer.class.name", .word(AccessSettings.authorizers + [""]), default: "",
            "Whether rules of access count (martlet acls makes them); if empty, who can connect may do everything. All "
                + "these names of Apache's mean the same here. Brokers must be super users or have ClusterAction."),
        SettingKey(
            "super.users", .text, default: "",
            "Who may do everything, whatever the rules say: User:name;User:CN=name,O=example."),
        SettingKey(
            "allow.everyone.if.no.acl.found", .boolean, default: "false",
            "Whether everybody may do with a resource what they like while there is no rule about it."),
    ]

    private static let coordinator: [SettingKey] = [
        SettingKey(
            "zookeeper.connect", .text, default: nil, "The coordinators: host:port,host:port/chroot; ours or Apache's."),
        SettingKey(
            "zookeeper.session.timeout.ms", .integer(1...Int64(Int32.max)), default: "18000",
            "After which silence this broker counts as dead, in milliseconds."),
        SettingKey(
            "zookeeper.connection.timeout.ms", .integer(1...Int64(Int32.max)), default: nil,
            "How long to try for a first connection, in milliseconds; as the session's timeout if not set."),
        SettingKey("zookeeper.ssl.client.enable", .boolean, default: "false", "Whether to speak TLS to coordinators."),
        SettingKey(
            "zookeeper.ssl.keystore.location", .text, default: nil, "PEM file with this broker's key and certificate."),
        SettingKey("zookeeper.ssl.keystore.type", .word(["PEM"]), default: "PEM", "Only PEM is read."),
        SettingKey("zookeeper.ssl.keystore.password", .secret, default: nil, "Password of the private key."),
        SettingKey(
            "zookeeper.ssl.truststore.location", .text, default: nil, "PEM file with coordinators' authorities."),
        SettingKey("zookeeper.ssl.truststore.type", .word(["PEM"]), default: "PEM", "Only PEM is read."),
        SettingKey("zookeeper.ssl.truststore.password", .secret, default: nil, "Means nothing to PEM files."),
        SettingKey(
            "zookeeper.ssl.protocol", .word(["TLSv1.2", "TLSv1.3"]), default: "TLSv1.3", "Highest version of TLS."),
        SettingKey("zookeeper.ssl.enabled.protocols", .list, default: "TLSv1.2,TLSv1.3", "Versions of TLS."),
        SettingKey("zookeeper.ssl.cipher.suites", .list, default: "", "Cipher suites; OpenSSL's choice if empty."),
        SettingKey(
            "zookeeper.ssl.endpoint.identification.algorithm", .word(["https", "HTTPS", ""]), default: "HTTPS",
            "Whether a coordinator's host name is checked."),
        SettingKey(
            "java.security.auth.login.config", .text, default: nil,
            "JAAS file by whose section Client this broker authenticates to coordinators: DigestLoginModule with username "
                + "and password, or Krb5LoginModule with a keytab or tickets."),
        SettingKey(
            "zookeeper.sasl.client", .boolean, default: "true", "Whether to authenticate if that section is there."),
        SettingKey("zookeeper.sasl.clientconfig", .text, default: "Client", "Section of that file."),
        SettingKey(
            "zookeeper.sasl.client.username", .text, default: "zookeeper",
            "First part of the coordinators' principals in Kerberos; the second is the host in zookeeper.connect."),
        SettingKey(
            "zookeeper.server.principal", .text, default: nil,
            "The principal of all coordinators, service/host, in place of those parts."),
        SettingKey(
            "zookeeper.set.acl", .boolean, default: "false",
            "Whether only this broker's identity may change what it writes into the tree, and read users' secrets there."
        ),
        SettingKey(
            "zookeeper.clientCnxnSocket", .text, default: nil, "Java's name of a transport; without meaning here."),
    ]

    private static let topics: [SettingKey] = [
        SettingKey("num.partitions", someCount, default: "1", "Partitions of a topic that does not say."),
        SettingKey(
            "default.replication.factor", .integer(1...32767), default: "1",
            "Replicas of a partition that does not say."),
        SettingKey("auto.create.topics.enable", .boolean, default: "true", "Whether asking for a topic makes it."),
        SettingKey("delete.topic.enable", .boolean, default: "true", "Whether topics can be deleted."),
        SettingKey(
            "fetch.max.bytes", .integer(1024...Int64(Int32.max)), default: "57671680", "Bytes in a fetch's answer."),
        SettingKey(
            "max.incremental.fetch.session.cache.slots", anyCount, default: "1000", "Fetch sessions that are kept."),
        SettingKey(
            "producer.id.expiration.ms", someCount, default: "86400000",
            "After how long a silent producer's sequence is forgotten, in milliseconds."),
    ]

    private static let leadership: [SettingKey] = [
        SettingKey(
            "auto.leader.rebalance.enable", .boolean, default: "true",
            "Whether leaderships go back to the first replicas of partitions from time to time."),
        SettingKey(
            "leader.imbalance.check.interval.seconds", .integer(1...Int64(Int32.max)), default: "300",
            "How often that is looked at, in seconds."),
        SettingKey(
            "leader.imbalance.per.broker.percentage", .integer(0...100), default: "10",
            "How many of a hundred partitions that a broker should lead may be led by others."),
        SettingKey(
            "controlled.shutdown.enable", .boolean, default: "true",
            "Whether a broker that stops has others lead its partitions first."),
        SettingKey(
            "controlled.shutdown.max.retries", anyCount, default: "3",
            "How often it waits for that before it stops all the same."),
        SettingKey(
            "controlled.shutdown.retry.backoff.ms", .integer(0...Int64(Int32.max)), default: "5000",
            "How long it waits each time, in milliseconds."),
    ]

    private static let replication: [SettingKey] = [
        SettingKey(
            "inter.broker.listener.name", .text, default: nil,
            "The listener by which brokers reach each other; if not set, the first of security.inter.broker.protocol."),
        SettingKey(
            "security.inter.broker.protocol", .word(["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]),
            default: "PLAINTEXT", "What brokers speak to each other when inter.broker.listener.name is not set."),
        SettingKey(
            "replica.socket.timeout.ms", someCount, default: "30000",
            "How long to wait for another broker's answer before its connection is given up, in milliseconds."),
        SettingKey(
            "replica.lag.time.max.ms", someCount, default: "30000",
            "How long a replica may be behind its leader's log end and count as in sync, in milliseconds."),
        SettingKey(
            "replica.fetch.wait.max.ms", anyCount, default: "500",
            "How long a replica's fetch waits at its leader for records, in milliseconds."),
        SettingKey(
            "replica.fetch.min.bytes", anyCount, default: "1", "Bytes that end such a wait."),
        SettingKey(
            "replica.fetch.max.bytes", anyCount, default: "1048576", "Bytes of one partition in a replica's fetch."),
        SettingKey(
            "replica.fetch.response.max.bytes", anyCount, default: "10485760", "Bytes of a replica's whole fetch."),
        SettingKey(
            "replica.fetch.backoff.ms", anyCount, default: "1000",
            "How long a replica waits after its leader could not be reached or refused, in milliseconds."),
        SettingKey(
            "replication.quota.window.num", someCount, default: "11",
            "Windows of time over which throttled replication is measured."),
        SettingKey(
            "replication.quota.window.size.seconds", someCount, default: "1", "How long each of them is, in seconds."),
        SettingKey(
            "replica.selector.class",
            .word([
                "org.apache.kafka.common.replica.RackAwareReplicaSelector",
                "org.apache.kafka.common.replica.LeaderSelector", "",
            ]), default: "",
            "Rack-aware: consumers that say client.rack read from a replica in sync there. Else from the leader."),
    ]

    private static let groups: [SettingKey] = [
        SettingKey("group.min.session.timeout.ms", anyCount, default: "6000", "Shortest session of a group's member."),
        SettingKey(
            "group.max.session.timeout.ms", anyCount, default: "1800000", "Longest session of a group's member."),
        SettingKey("group.max.size", someCount, default: "2147483647", "Members of a group."),
        SettingKey(
            "group.initial.rebalance.delay.ms", anyCount, default: "3000",
            "How long an empty group waits for more members, in milliseconds."),
        SettingKey(
            "group.coordinator.rebalance.protocols", .words(["classic", "consumer"]), default: "classic,consumer",
            "Which protocols groups may speak; consumer is the new one of KIP-848. classic is always spoken."),
        SettingKey(
            "group.consumer.session.timeout.ms", someCount, default: "45000",
            "How long a member of the new protocol may be silent, in milliseconds."),
        SettingKey(
            "group.consumer.min.session.timeout.ms", someCount, default: "45000",
            "The least that group.consumer.session.timeout.ms may be."),
        SettingKey(
            "group.consumer.max.session.timeout.ms", someCount, default: "60000",
            "The most that group.consumer.session.timeout.ms may be."),
        SettingKey(
            "group.consumer.heartbeat.interval.ms", someCount, default: "5000",
            "How often members of the new protocol speak, in milliseconds: it moves partitions at that pace."),
        SettingKey(
            "group.consumer.min.heartbeat.interval.ms", someCount, default: "5000",
            "The least that group.consumer.heartbeat.interval.ms may be."),
        SettingKey(
            "group.consumer.max.heartbeat.interval.ms", someCount, default: "15000",
            "The most that group.consumer.heartbeat.interval.ms may be."),
        SettingKey(
            "group.consumer.max.size", someCount, default: "2147483647", "Members of a group of the new protocol."),
        SettingKey(
            "group.consumer.migration.policy", .word(["disabled"]), default: "disabled",
            "A group changes its protocol only while it is empty; members of both in one group are not served."),
        SettingKey(
            "group.consumer.assignors", .words(BrokerSettings.assignors.keys.sorted()),
            default: "org.apache.kafka.coordinator.group.assignor.UniformAssignor,"
                + "org.apache.kafka.coordinator.group.assignor.RangeAssignor",
            "How brokers divide partitions among members of the new protocol; the first where members do not ask for one."
        ),
        SettingKey("offset.metadata.max.bytes", anyCount, default: "4096", "Text committed with an offset."),
        SettingKey(
            "offsets.commit.timeout.ms", someCount, default: "5000",
            "How long a group's answer waits until all replicas in sync have what it tells, in milliseconds."),
        SettingKey(
            "offsets.retention.minutes", someCount, default: "10080", "How long an empty group keeps its offsets."),
        SettingKey(
            "offsets.retention.check.interval.ms", .integer(1...Int64.max), default: "600000",
            "How often to look for such offsets, in milliseconds."),
        SettingKey("offsets.topic.num.partitions", someCount, default: "50", "Partitions of __consumer_offsets."),
        SettingKey(
            "offsets.topic.replication.factor", .integer(1...32767), default: "3",
            "Replicas of a partition of __consumer_offsets; a smaller cluster has as many as it has brokers."),
        SettingKey("offsets.topic.segment.bytes", someCount, default: "104857600", "Segments of __consumer_offsets."),
    ]

    private static let upkeep: [SettingKey] = [
        SettingKey(
            "log.retention.check.interval.ms", .integer(1...Int64.max), default: "300000",
            "How often old segments are looked for, in milliseconds."),
        SettingKey(
            "replica.high.watermark.checkpoint.interval.ms", .integer(1...Int64.max), default: "5000",
            "How often high watermarks are written down, in milliseconds."),
        SettingKey(
            "log.cleaner.enable", .boolean, default: "true", "Whether topics of cleanup.policy=compact are compacted."),
        SettingKey(
            "log.cleaner.backoff.ms", .integer(0...Int64.max), default: "15000",
            "How long to wait when there is nothing to compact, in milliseconds."),
        SettingKey(
            "log.cleaner.dedupe.buffer.size", .integer(1 << 20...Int64.max), default: "134217728",
            "Memory for the keys of one round of compaction, in bytes: 24 for each key."),
        SettingKey(
            "log.cleaner.io.buffer.load.factor", .decimal(0.1...0.99), default: "0.9",
            "How full that memory may get."),
        SettingKey(
            "log.cleaner.io.buffer.size", .integer(8192...Int64(Int32.max)), default: "524288",
            "Memory for reading and writing while compacting, in bytes."),
        SettingKey(
            "log.cleaner.io.max.bytes.per.second", .decimal(1...Double.greatestFiniteMagnitude),
            default: "1.7976931348623157E308", "What compaction may read and write, in bytes per second."),
    ]

    /// The keys that give settings of topics their defaults, with the values that those take.
    private static let topicDefaults: [SettingKey] = TopicConfigKey.all.flatMap { key in
        key.synonyms.map { synonym in
            let isScaled = synonym.scale != 1
            return SettingKey(
                synonym.brokerKey, isScaled ? .integer(-1...Int64(Int32.max)) : kind(of: key),
                default: isScaled || synonym.brokerKey != key.synonyms.first?.brokerKey ? nil : key.defaultText,
                "Default of the topic setting \(key.name)\(isScaled ? ", when the ones in smaller units are not set" : "")."
            )
        }
    }

    private static func kind(of key: TopicConfigKey) -> SettingKind {
        switch key.kind {
        case .boolean: .boolean
        case .int(let range): .integer(range.clamped(to: Int64(Int32.min)...Int64(Int32.max)))
        case .long(let range): .integer(range)
        case .double(let range): .decimal(range)
        case .choice(let words): .word(words)
        case .list(let words): words.isEmpty ? .list : .words(words)
        case .replicas: .list
        case .link, .text: .text
        }
    }
}
