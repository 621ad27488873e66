import Mirroring
import Settings

/// The keys of `mm2.properties`, for the clusters that it names.
///
/// A key of a link stands alone for all links, or after `source->target.` for one. A key of a client stands alone for
/// all clusters, or after `alias.` for one.
package enum MirrorSchema {
    static let policyClasses = ["DefaultReplicationPolicy", "IdentityReplicationPolicy"]
        .flatMap { [$0, "org.apache.kafka.connect.mirror.\($0)"] }

    private static let seconds = SettingKind.integer(1...86_400)
    private static let rate = SettingKind.integer(1_024...1 << 40)
    private static let replicas = SettingKind.integer(-1...32_767)

    static let clusters = SettingKey(
        "clusters", .list, default: nil, "The aliases of all clusters; each needs alias.bootstrap.servers.")

    static let processKeys: [SettingKey] = [
        SettingKey(
            "mirror.metrics.port", .integer(0...65_535), default: nil,
            "Where Prometheus finds the figures of all links; unset: nowhere. 0 takes any free port."),
        SettingKey(
            "mirror.metrics.host", .text, default: "127.0.0.1",
            "The address of that port; empty for all of this machine."),
        SettingKey(
            "mirror.member.name", .text, default: nil,
            "The name of this process among those that share links, another one for each; who is started again under the "
                + "same name has its work again at once. Unset: the machine's name and a number."),
    ]

    static let linkKeys: [SettingKey] = [
        SettingKey("enabled", .boolean, default: "false", "Whether the link copies topics."),
        SettingKey(
            "mode", .word(["compatible", "exact"]), default: "compatible",
            "As MirrorMaker 2 copies, to any Kafka; or with ids, offsets and bytes as they are, to Martlet only."
        ),
        SettingKey(
            "mirror.gap.policy", .word(GapPolicy.allCases.map(\.rawValue)), default: GapPolicy.stop.rawValue,
            "What to do when the source has lost records. It is in the gap ledger first, whatever it is. With "
                + "mode=compatible it is continue unless it is set, and rewind is the same: all that the source has is "
                + "copied, from its beginning."
        ),
        SettingKey(
            "mirror.deletion.policy", .word(DeletionPolicy.allCases.map(\.rawValue)),
            default: DeletionPolicy.ask.rawValue,
            "What becomes of a mirror topic, or of a copy, when its source was deleted: it stays, and the log tells of it "
                + "(ask); it stays (keep); it is deleted too (follow)."),
        SettingKey(
            "mirror.rate.bytes.per.second", rate, default: nil,
            "With mode=exact: how much the link reads from its source at most; unset: as much as comes."),
        SettingKey(
            "mirror.topic.rate.bytes.per.second", rate, default: nil,
            "With mode=exact: the same of each topic alone, so that a busy one leaves room for the others."),
        SettingKey(
            "mirror.recovery.point.limits", .list, default: nil,
            "With mode=exact: how many milliseconds of a topic may be lost with its source, as pattern:milliseconds, of "
                + "which the first that matches counts. What lies behind is read the nearest to its limit first."),
        SettingKey(
            "mirror.home.lease.ms", .integer(0...3_600_000), default: "0",
            "With mode=exact: for how many milliseconds topics may be written at the source without word from the target "
                + "that their home has not moved; a failover that cannot tell the source waits as long. So there are never "
                + "two homes, and where the mirror or the target does not answer for so long, nobody writes. At least "
                + "1000; 0: the source is written until it is told."),
        SettingKey(
            "mirror.sharing.enabled", .boolean, default: "false",
            "Whether processes with this configuration share the link's partitions by load, in a group at the target; "
                + "otherwise each brings all."),
        SettingKey(
            "mirror.session.timeout.ms", .integer(500...300_000), default: "2000",
            "How long such a process may be silent before the others have its work. Apache Kafka allows no less than its "
                + "group.min.session.timeout.ms; then that counts."),
        SettingKey("topics", .list, default: ".*", "Regular expressions of the topics to copy."),
        SettingKey(
            "topics.exclude", .list, default: #".*[\-\.]internal, .*\.replica, __.*"#,
            "Regular expressions of topics never to copy."),
        SettingKey("groups", .list, default: ".*", "Regular expressions of the groups whose offsets are translated."),
        SettingKey(
            "groups.exclude", .list, default: "console-consumer-.*, connect-.*, __.*",
            "Regular expressions of groups to leave out."),
        SettingKey(
            "config.properties.exclude", .list,
            default: #"follower\.replication\.throttled\.replicas, leader\.replication\.throttled\.replicas, "#
                + #"message\.timestamp\.difference\.max\.ms, message\.timestamp\.type, "#
                + #"unclean\.leader\.election\.enable, min\.insync\.replicas, mirror\.synchronous\..*"#,
            "Regular expressions of topic settings that are the target's own business."),
        SettingKey(
            "replication.policy.class", .word(policyClasses), default: policyClasses[0],
            "Whether topics get the source's alias before their names, or keep their names. With mode=exact they keep them "
                + "unless it is set; then the way back takes the alias off again, so it holds both ways. Topics that are "
                + "mirrored already keep the names that they have."),
        SettingKey(
            "replication.policy.separator", .text, default: ".", "What stands between the source's alias and the name."),
        SettingKey(
            "replication.policy.internal.topic.separator.enabled", .boolean, default: "true",
            "Whether names of the mirror's own topics use the separator too."),
        SettingKey(
            "refresh.topics.enabled", .boolean, default: "true", "Whether new topics and partitions are looked for."),
        SettingKey(
            "refresh.topics.interval.seconds", seconds, default: "10",
            "How often new topics and partitions are looked for."),
        SettingKey(
            "sync.topic.configs.enabled", .boolean, default: "true",
            "Whether settings of topics at the target follow the source's."),
        SettingKey(
            "sync.topic.configs.interval.seconds", seconds, default: "600",
            "How often settings of topics are compared."),
        SettingKey(
            "emit.heartbeats.enabled", .boolean, default: "true", "Whether heartbeats are written to the target."),
        SettingKey("emit.heartbeats.interval.seconds", seconds, default: "1", "How often."),
        SettingKey(
            "heartbeats.replication.enabled", .boolean, default: "true",
            "Whether topics of heartbeats are copied though topics names none; only where heartbeats are written."),
        SettingKey(
            "emit.checkpoints.enabled", .boolean, default: "true",
            "Whether offsets of groups are translated and written to the target."),
        SettingKey("emit.checkpoints.interval.seconds", seconds, default: "60", "How often."),
        SettingKey(
            "sync.group.offsets.enabled", .boolean, default: "false",
            "Whether offsets are committed at the target for groups that have no members there; with mode=exact they are."
        ),
        SettingKey(
            "sync.group.offsets.interval.seconds", seconds, default: "60", "How often; with mode=exact every second."),
        SettingKey(
            "sync.client.quotas.enabled", .boolean, default: "true",
            "With mode=exact: whether quotas of users and clients at the target follow the source's; its own stay."),
        SettingKey("sync.client.quotas.interval.seconds", seconds, default: "60", "How often."),
        SettingKey(
            "sync.acls.enabled", .boolean, default: "true",
            "With mode=exact: whether access rules (ACLs) of every type follow the source's; the target's own stay."),
        SettingKey("sync.acls.interval.seconds", seconds, default: "60", "How often."),
        SettingKey(
            "sync.topic.acls.enabled", .boolean, default: "true",
            "With mode=compatible: whether access rules of mirrored topics follow, as MirrorMaker 2 has it: nobody is "
                + "allowed to write, who may do all may read. What this mirror has set it takes back, too."),
        SettingKey("sync.topic.acls.interval.seconds", seconds, default: "600", "How often."),
        SettingKey(
            "sync.scram.credentials.enabled", .boolean, default: "true",
            "With mode=exact, between Martlet's clusters: whether users' SCRAM credentials follow with their keys; the "
                + "target's own stay. Brokers hand them on over TLS only, to a mirror that shows a certificate, and "
                + "where they have an authorizer only with CLUSTER_ACTION."),
        SettingKey("sync.scram.credentials.interval.seconds", seconds, default: "60", "How often."),
        SettingKey(
            "emit.offset-syncs.enabled", .boolean, default: "true",
            "Whether pairs of offsets are written for other tools to read."),
        SettingKey(
            "offset-syncs.topic.location", .word(["source", "target"]), default: "source",
            "In which cluster offset syncs are written."),
        SettingKey(
            "replication.factor", replicas, default: nil,
            "Replicas of topics created at the target; unset: three, or as many as there are brokers."),
        SettingKey("offset-syncs.topic.replication.factor", replicas, default: nil, "The same, of offset syncs."),
        SettingKey("checkpoints.topic.replication.factor", replicas, default: nil, "The same, of checkpoints."),
        SettingKey("heartbeats.topic.replication.factor", replicas, default: nil, "The same, of heartbeats."),
    ]

    /// Of one cluster, as they stand alone or after `alias.`: what MirrorMaker 2 has there.
    static let clusterKeys: [SettingKey] = [
        SettingKey(
            "offset.storage.topic", .text, default: nil,
            "With mode=compatible: the topic at the target in which MirrorMaker 2 has kept its positions. Copies that it has "
                + "made go on from there; nothing is written to it. Unset: mm2-offsets.SOURCE.internal."),
        SettingKey(
            "group.id", .text, default: nil,
            "The group of MirrorMaker 2's workers at the target: nothing is taken over from them while it has members. "
                + "SOURCE-mm2 is looked at in any case."),
    ]

    static let clientKeys: [SettingKey] = [
        SettingKey("bootstrap.servers", .list, default: nil, "host:port of brokers to begin with."),
        SettingKey("client.id", .text, default: nil, "How the mirror names itself to brokers."),
        SettingKey("security.protocol", .text, default: nil, "PLAINTEXT or SSL."),
        SettingKey("ssl.truststore.location", .text, default: nil, "A PEM file of the authorities to trust."),
        SettingKey("ssl.truststore.certificates", .text, default: nil, "The authorities themselves, in PEM."),
        SettingKey("ssl.truststore.type", .text, default: nil, "PEM."),
        SettingKey("ssl.keystore.location", .text, default: nil, "A PEM file of the mirror's key and certificates."),
        SettingKey("ssl.keystore.certificate.chain", .text, default: nil, "The certificates themselves, in PEM."),
        SettingKey("ssl.keystore.key", .secret, default: nil, "The key itself, in PEM."),
        SettingKey("ssl.keystore.type", .text, default: nil, "PEM."),
        SettingKey("ssl.key.password", .secret, default: nil, "What the key is encrypted with."),
        SettingKey("ssl.enabled.protocols", .list, default: nil, "TLSv1.2, TLSv1.3."),
        SettingKey("ssl.protocol", .text, default: nil, "TLSv1.2 or TLSv1.3."),
        SettingKey("ssl.cipher.suites", .list, default: nil, "The ciphers to offer."),
        SettingKey(
            "ssl.endpoint.identification.algorithm", .text, default: nil, "https, or empty to skip the host's name."),
        SettingKey("request.timeout.ms", .integer(1...2_147_483_647), default: nil, "How long an answer may take."),
        SettingKey(
            "default.api.timeout.ms", .integer(1...2_147_483_647), default: nil,
            "How long an operation may take with its retries."),
        SettingKey("retry.backoff.ms", .integer(0...2_147_483_647), default: nil, "The first wait before a retry."),
        SettingKey("retry.backoff.max.ms", .integer(0...2_147_483_647), default: nil, "The longest."),
        SettingKey("metadata.max.age.ms", .integer(0...2_147_483_647), default: nil, "How old metadata may become."),
        SettingKey(
            "socket.connection.setup.timeout.max.ms", .integer(1...2_147_483_647), default: nil,
            "How long connecting may take."),
    ]

    /// Every key, annotated, as a file that runs beside two brokers on the same machine.
    package static var reference: String {
        let ignored =
            MirrorKeysWithoutEffect.ofLinks + MirrorKeysWithoutEffect.ofProcesses + MirrorKeysWithoutEffect.ofClients
        return SettingsSchema(
            keys: [clusters] + processKeys + linkKeys + clusterKeys + clientKeys, ignored: ignored
        ).reference(
            title: """
                The configuration of a mirror: martlet-mirror mm2.properties
                #
                # A key of a link stands alone for all links, or after source->target. for one of them; a key of a client
                # (bootstrap.servers and what follows it) stands alone for all clusters, or after alias. for one of them.
                """,
            essentials: [
                "clusters": "us-east, eu-west", "us-east.bootstrap.servers": "localhost:9092",
                "eu-west.bootstrap.servers": "localhost:9192", "us-east->eu-west.enabled": "true",
            ])
    }

    /// All keys that a file with these clusters may hold.
    static func schema(clusters aliases: [String]) -> SettingsSchema {
        var keys = [clusters] + processKeys + linkKeys + clusterKeys + clientKeys
        typealias Ignored = MirrorKeysWithoutEffect
        var ignored = Ignored.ofLinks + Ignored.ofProcesses + Ignored.ofClients + Ignored.ofKindsOfClients
        var links: [String] = []
        for source in aliases {
            keys += (clusterKeys + clientKeys).map { $0.scoped(source) }
            ignored += (Ignored.ofClients + Ignored.ofProcesses + Ignored.ofLinks).map { $0.scoped(source) }
            for target in aliases where target != source {
                links.append("\(source)->\(target)")
                keys += linkKeys.map { $0.scoped("\(source)->\(target)") }
                ignored += Ignored.ofLinks.map { $0.scoped("\(source)->\(target)") }
            }
        }
        return SettingsSchema(keys: keys, ignored: ignored) { [links] key in
            Ignored.ofAClient(key, aliases: aliases, links: links)
        }
    }
}

extension SettingKey {
    /// The same key for one cluster or link; what it does not say, the key that stands alone does.
    fileprivate func scoped(_ scope: String) -> SettingKey {
        SettingKey("\(scope).\(name)", kind, default: nil, purpose)
    }
}
