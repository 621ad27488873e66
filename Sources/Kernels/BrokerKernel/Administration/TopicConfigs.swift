import Controller
import Records
import SegmentedLog

/// The settings that hold for a topic: its own where it has any, else the broker's.
///
/// A text that is no value of its key, which only a foreign hand can have put into the tree, counts as not set.
package struct TopicConfigs {
    let own: [String: String]
    private let broker: BrokerValues

    /// - Parameters:
    ///   - own: the topic's own settings.
    ///   - broker: what is set in the broker's configuration file.
    package init(own: [String: String], broker: [String: String]) {
        self.init(own: own, broker: BrokerValues(configured: broker))
    }

    init(own: [String: String], broker: BrokerValues) {
        self.own = own
        self.broker = broker
    }

    /// A value of a setting, and the key and place where it stands.
    struct Value {
        var key: String
        var text: String
        var source: ConfigSource
    }

    /// All values that stand for `key` anywhere, the one that counts first.
    func values(of key: TopicConfigKey) -> [Value] {
        var values: [Value] = []
        if let text = own[key.name], key.objection(to: text) == nil {
            values.append(Value(key: key.name, text: text, source: .topic))
        }
        for layer in broker.layers {
            for synonym in key.synonyms {
                guard let text = layer.values[synonym.brokerKey] else { continue }
                let scaled = Self.scaled(text, by: synonym.scale)
                // The file's values were checked when it was read.
                guard layer.source == .staticBroker || key.objection(to: scaled) == nil else { continue }
                values.append(Value(key: synonym.brokerKey, text: scaled, source: layer.source))
            }
        }
        values.append(
            Value(key: key.synonyms.first?.brokerKey ?? key.name, text: key.defaultText, source: .defaultValue))
        return values
    }

    /// The text that counts for `key`.
    package func text(_ key: TopicConfigKey) -> String { values(of: key)[0].text }

    /// Where that text stands.
    func source(of key: TopicConfigKey) -> ConfigSource { values(of: key)[0].source }

    private static func scaled(_ text: String, by scale: Int64) -> String {
        guard scale != 1, let number = Int64(text), number >= 0 else { return text }
        let (product, overflows) = number.multipliedReportingOverflow(by: scale)
        return String(overflows ? .max : product)
    }

    private func text(_ name: String) -> String {
        guard let key = TopicConfigKey.named(name) else { preconditionFailure("topics have no setting \(name)") }
        return text(key)
    }

    private func number(_ name: String) -> Int64 {
        let text = text(name)
        guard let number = Int64(text) else { preconditionFailure("\(name) was checked to be a number: \(text)") }
        return number
    }

    /// `min.insync.replicas`
    package var minimumInSyncReplicas: Int { Int(number("min.insync.replicas")) }

    /// Whether the topic's home is here.
    package var mirrorStanding: MirrorStanding { MirrorStanding(own) }

    /// By which link another region has to have what acks=all is answered for, and for how long an answer waits for that
    /// at most. nil when there is no such link, and away from the topic's home.
    package var synchronousLink: (name: String, limit: Duration)? {
        let name = text(Synchrony.linkKey)
        guard !name.isEmpty, mirrorStanding.state == .ordinary else { return nil }
        return (name, .milliseconds(number(Synchrony.limitKey)))
    }

    /// Which link has to say that the topic's home is here still, for clients to write. nil when none has to, and away from
    /// the home.
    package var leaseLink: String? {
        let link = text(HomeLease.linkKey)
        return link.isEmpty || mirrorStanding.state != .ordinary ? nil : link
    }

    /// What the topic's logs are told.
    package func logSettings(producerExpirationInMilliseconds: Int64) -> LogSettings {
        var log = LogSettings()
        let policies = TopicConfigKey.items(text("cleanup.policy"))
        log.cleanupPolicy = []
        // Away from the topic's home, what the home has kept is kept.
        if mirrorStanding.state == .ordinary {
            if policies.contains("delete") { log.cleanupPolicy.insert(.delete) }
            if policies.contains("compact") { log.cleanupPolicy.insert(.compact) }
        }
        log.segmentSizeInBytes = Int(number("segment.bytes"))
        log.segmentAgeInMilliseconds = number("segment.ms")
        log.segmentJitterInMilliseconds = number("segment.jitter.ms")
        log.indexSizeInBytes = Int(number("segment.index.bytes"))
        log.indexIntervalInBytes = Int(number("index.interval.bytes"))
        log.retentionInMilliseconds = limit("retention.ms")
        log.retentionInBytes = limit("retention.bytes")
        log.fileDeleteDelayInMilliseconds = number("file.delete.delay.ms")
        log.maxBatchSizeInBytes = Int(number("max.message.bytes"))
        log.timestampType = text("message.timestamp.type") == "LogAppendTime" ? .logAppendTime : .createTime
        // The older setting holds for whichever of the newer ones is not set (KIP-937).
        let difference = number("message.timestamp.difference.max.ms")
        let before = number("message.timestamp.before.max.ms")
        let after = number("message.timestamp.after.max.ms")
        log.timestampBeforeLimitInMilliseconds = before == .max ? difference : before
        log.timestampAfterLimitInMilliseconds = after == .max ? difference : after
        log.compression = compression
        log.servesOldFormats = text("message.downconversion.enable") == "true"
        log.flushIntervalInRecords = number("flush.messages")
        log.flushIntervalInMilliseconds = number("flush.ms")
        log.minCleanableRatio = Double(text("min.cleanable.dirty.ratio")) ?? 0.5
        log.minCompactionLagInMilliseconds = number("min.compaction.lag.ms")
        log.maxCompactionLagInMilliseconds = number("max.compaction.lag.ms")
        log.deleteRetentionInMilliseconds = number("delete.retention.ms")
        log.producerExpirationInMilliseconds = producerExpirationInMilliseconds
        return log
    }

    /// nil when producers choose.
    private var compression: LogSettings.Compression? {
        switch text("compression.type") {
        case "uncompressed": LogSettings.Compression(codec: .none)
        case "gzip": LogSettings.Compression(codec: .gzip, level: level("compression.gzip.level", default: -1))
        case "snappy": LogSettings.Compression(codec: .snappy)
        // Apache's default means its fast variant.
        case "lz4": LogSettings.Compression(codec: .lz4, level: level("compression.lz4.level", default: 9))
        case "zstd": LogSettings.Compression(codec: .zstd, level: level("compression.zstd.level", default: 3))
        default: nil
        }
    }

    private func level(_ name: String, default standard: Int64) -> Int? {
        let number = number(name)
        return number == standard ? nil : Int(number)
    }

    /// -1 stands for no limit.
    private func limit(_ name: String) -> Int64? {
        let number = number(name)
        return number < 0 ? nil : number
    }
}
