/// Which settings of brokers can be changed while they run (KIP-226), by Apache Kafka's names.
enum DynamicBrokerKeys {
    /// Those that give settings of topics their defaults, with what values they take.
    private static let ofTopics: [String: TopicConfigKey] = Dictionary(
        TopicConfigKey.all.compactMap { key in
            key.synonyms.first.map { ($0.brokerKey, key.renamed($0.brokerKey)) }
        }, uniquingKeysWith: { first, _ in first })

    /// Those that a number of bytes, threads or connections stands for. What they bound in Apache's brokers is bound
    /// otherwise here, or not at all: they are kept, for tools that set them.
    private static let ofMachine: [String: TopicConfigKey] = Dictionary(
        uniqueKeysWithValues: [
            ("background.threads", TopicConfigKey.Kind.int(1...Int64(Int32.max))),
            ("follower.replication.throttled.rate", .long(0...Int64.max)),
            ("leader.replication.throttled.rate", .long(0...Int64.max)),
            ("replica.alter.log.dirs.io.max.bytes.per.second", .long(0...Int64.max)),
            ("log.cleaner.backoff.ms", .long(0...Int64.max)),
            ("log.cleaner.dedupe.buffer.size", .long(0...Int64.max)),
            ("log.cleaner.io.buffer.load.factor", .double(0...1)),
            ("log.cleaner.io.buffer.size", .int(0...Int64(Int32.max))),
            ("log.cleaner.io.max.bytes.per.second", .double(0...Double.greatestFiniteMagnitude)),
            ("log.cleaner.threads", .int(0...Int64(Int32.max))),
            ("max.connection.creation.rate", .int(0...Int64(Int32.max))),
            ("max.connections", .int(0...Int64(Int32.max))),
            ("max.connections.per.ip", .int(0...Int64(Int32.max))), ("max.connections.per.ip.overrides", .text),
            ("num.io.threads", .int(1...Int64(Int32.max))), ("num.network.threads", .int(1...Int64(Int32.max))),
            ("num.recovery.threads.per.data.dir", .int(1...Int64(Int32.max))),
            ("num.replica.fetchers", .int(1...Int64(Int32.max))),
            ("producer.id.expiration.ms", .int(1...Int64(Int32.max))),
        ].map { ($0.0, TopicConfigKey($0.0, $0.1, "", [])) })

    /// What values `name` takes; nil when it cannot be changed while the broker runs.
    static func named(_ name: String) -> TopicConfigKey? { ofTopics[name] ?? ofMachine[name] }
}

extension TopicConfigKey {
    /// The same values under another name.
    fileprivate func renamed(_ name: String) -> TopicConfigKey { TopicConfigKey(name, kind, defaultText, []) }
}
