import Controller

/// One setting of a topic: its name, the values it takes, and where its default comes from.
package struct TopicConfigKey: Sendable {
    /// What values there are.
    package enum Kind: Sendable {
        case boolean
        /// Of 32 bits.
        case int(ClosedRange<Int64>)
        /// Of 64 bits.
        case long(ClosedRange<Int64>)
        case double(ClosedRange<Double>)
        case choice([String])
        /// Comma-separated; of these words only, when there are any.
        case list([String])
        /// `*`, or comma-separated `partition:broker`.
        case replicas
        /// `source->target`, or empty for none.
        case link
        case text
    }

    /// A key of the broker's configuration that gives the default, and how many of the topic's units one of its is.
    package struct Synonym: Sendable {
        package var brokerKey: String
        package var scale: Int64 = 1
    }

    package let name: String
    package let kind: Kind
    /// Used when the broker's configuration sets none of the synonyms.
    package let defaultText: String
    /// The first that is set counts.
    package let synonyms: [Synonym]

    init(
        _ name: String, _ kind: Kind, _ defaultText: String, _ synonyms: [String], hours: String? = nil,
        minutes: String? = nil
    ) {
        self.name = name
        self.kind = kind
        self.defaultText = defaultText
        var all = synonyms.map { Synonym(brokerKey: $0) }
        if let minutes { all.append(Synonym(brokerKey: minutes, scale: 60_000)) }
        if let hours { all.append(Synonym(brokerKey: hours, scale: 3_600_000)) }
        self.synonyms = all
    }

    /// Why `text` is no value of this setting, as Apache Kafka says it; nil when it is one.
    package func objection(to text: String) -> String? {
        let invalid = "Invalid value \(text) for configuration \(name): "
        switch kind {
        case .boolean:
            guard ["true", "false"].contains(text.lowercased()) else {
                return invalid + "Expected value to be either true or false"
            }
        case .int(let range), .long(let range):
            let isInt = if case .int = kind { true } else { false }
            guard let number = Int64(text), !isInt || Int32(exactly: number) != nil else {
                return invalid + "Not a number of type \(isInt ? "INT" : "LONG")"
            }
            if number < range.lowerBound { return invalid + "Value must be at least \(range.lowerBound)" }
            if number > range.upperBound { return invalid + "Value must be no more than \(range.upperBound)" }
        case .double(let range):
            guard let number = Double(text), number.isFinite else { return invalid + "Not a number of type DOUBLE" }
            if number < range.lowerBound { return invalid + "Value must be at least \(range.lowerBound)" }
            if number > range.upperBound { return invalid + "Value must be no more than \(range.upperBound)" }
        case .choice(let words):
            guard words.contains(text) else {
                return invalid + "String must be one of: \(words.joined(separator: ", "))"
            }
        case .list(let words):
            guard words.isEmpty || Self.items(text).allSatisfy(words.contains) else {
                return invalid + "String must be one of: \(words.joined(separator: ", "))"
            }
        case .replicas:
            guard text == "*" || text.isEmpty || Self.isListOfReplicas(text) else {
                return invalid + name + " must be the literal '*' or a list of replicas in the following format: "
                    + "[partitionId]:[brokerId],[partitionId]:[brokerId],..."
            }
        case .link:
            guard text.isEmpty || Self.isLink(text) else { return invalid + "Expected a link, source->target" }
        case .text: break
        }
        return nil
    }

    private static func isLink(_ text: String) -> Bool {
        let aliases = text.split(separator: "->", omittingEmptySubsequences: false)
        return aliases.count == 2 && aliases[0] != aliases[1]
            && aliases.allSatisfy { !$0.isEmpty && !$0.contains { $0.isWhitespace || $0 == "," } }
    }

    private static func isListOfReplicas(_ text: String) -> Bool {
        text.split(separator: ",", omittingEmptySubsequences: false).allSatisfy { item in
            let parts = item.split(separator: ":", omittingEmptySubsequences: false)
            return parts.count == 2 && parts.allSatisfy { part in Int32(part).map { $0 >= 0 } ?? false }
        }
    }

    /// Whether items can be added to it and taken from it.
    package var isList: Bool {
        switch kind {
        case .list, .replicas: true
        default: false
        }
    }

    /// The items of a comma-separated list, without white space around them.
    package static func items(_ text: String) -> [String] {
        text.split(separator: ",").map { item in
            String(item.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }.filter { !$0.isEmpty }
    }
}

extension TopicConfigKey {
    private static let natural: ClosedRange<Int64> = 0...Int64.max
    private static let positive: ClosedRange<Int64> = 1...Int64.max

    /// All settings of topics that Apache Kafka 3.9 has, and ours that users may set, sorted by name.
    package static let all: [TopicConfigKey] = [
        TopicConfigKey("cleanup.policy", .list(["compact", "delete"]), "delete", ["log.cleanup.policy"]),
        TopicConfigKey("compression.gzip.level", .int(-1...9), "-1", ["compression.gzip.level"]),
        TopicConfigKey("compression.lz4.level", .int(1...17), "9", ["compression.lz4.level"]),
        TopicConfigKey(
            "compression.type", .choice(["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]), "producer",
            ["compression.type"]),
        TopicConfigKey("compression.zstd.level", .int(-131_072...22), "3", ["compression.zstd.level"]),
        TopicConfigKey("delete.retention.ms", .long(natural), "86400000", ["log.cleaner.delete.retention.ms"]),
        TopicConfigKey("file.delete.delay.ms", .long(natural), "60000", ["log.segment.delete.delay.ms"]),
        TopicConfigKey("flush.messages", .long(positive), "9223372036854775807", ["log.flush.interval.messages"]),
        TopicConfigKey(
            "flush.ms", .long(natural), "9223372036854775807",
            ["log.flush.interval.ms", "log.flush.scheduler.interval.ms"]),
        TopicConfigKey("follower.replication.throttled.replicas", .replicas, "", []),
        TopicConfigKey("index.interval.bytes", .int(natural), "4096", ["log.index.interval.bytes"]),
        TopicConfigKey("leader.replication.throttled.replicas", .replicas, "", []),
        TopicConfigKey("local.retention.bytes", .long(-2...Int64.max), "-2", ["log.local.retention.bytes"]),
        TopicConfigKey("local.retention.ms", .long(-2...Int64.max), "-2", ["log.local.retention.ms"]),
        TopicConfigKey(
            "max.compaction.lag.ms", .long(positive), "9223372036854775807", ["log.cleaner.max.compaction.lag.ms"]),
        TopicConfigKey("max.message.bytes", .int(natural), "1048588", ["message.max.bytes"]),
        TopicConfigKey("message.downconversion.enable", .boolean, "true", ["log.message.downconversion.enable"]),
        TopicConfigKey("message.format.version", .text, "3.0-IV1", ["log.message.format.version"]),
        TopicConfigKey(
            "message.timestamp.after.max.ms", .long(natural), "9223372036854775807",
            ["log.message.timestamp.after.max.ms"]),
        TopicConfigKey(
            "message.timestamp.before.max.ms", .long(natural), "9223372036854775807",
            ["log.message.timestamp.before.max.ms"]),
        TopicConfigKey(
            "message.timestamp.difference.max.ms", .long(natural), "9223372036854775807",
            ["log.message.timestamp.difference.max.ms"]),
        TopicConfigKey(
            "message.timestamp.type", .choice(["CreateTime", "LogAppendTime"]), "CreateTime",
            ["log.message.timestamp.type"]),
        TopicConfigKey("min.cleanable.dirty.ratio", .double(0...1), "0.5", ["log.cleaner.min.cleanable.ratio"]),
        TopicConfigKey("min.compaction.lag.ms", .long(natural), "0", ["log.cleaner.min.compaction.lag.ms"]),
        TopicConfigKey("min.insync.replicas", .int(positive), "1", ["min.insync.replicas"]),
        TopicConfigKey(HomeLease.linkKey, .link, "", []),
        TopicConfigKey(HomeLease.limitKey, .long(natural), "0", []),
        TopicConfigKey(Synchrony.linkKey, .link, "", []),
        TopicConfigKey(Synchrony.limitKey, .int(positive), "10000", []),
        TopicConfigKey("preallocate", .boolean, "false", ["log.preallocate"]),
        TopicConfigKey("remote.log.copy.disable", .boolean, "false", []),
        TopicConfigKey("remote.log.delete.on.disable", .boolean, "false", []),
        TopicConfigKey("remote.storage.enable", .boolean, "false", []),
        TopicConfigKey("retention.bytes", .long(-1...Int64.max), "-1", ["log.retention.bytes"]),
        TopicConfigKey(
            "retention.ms", .long(-1...Int64.max), "604800000", ["log.retention.ms"], hours: "log.retention.hours",
            minutes: "log.retention.minutes"),
        TopicConfigKey("segment.bytes", .int(14...Int64(Int32.max)), "1073741824", ["log.segment.bytes"]),
        TopicConfigKey("segment.index.bytes", .int(4...Int64(Int32.max)), "10485760", ["log.index.size.max.bytes"]),
        TopicConfigKey(
            "segment.jitter.ms", .long(natural), "0", ["log.roll.jitter.ms"], hours: "log.roll.jitter.hours"),
        TopicConfigKey("segment.ms", .long(positive), "604800000", ["log.roll.ms"], hours: "log.roll.hours"),
        TopicConfigKey(
            "unclean.leader.election.enable", .boolean, "false", ["unclean.leader.election.enable"]),
    ]

    private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

    /// nil when topics have no such setting.
    package static func named(_ name: String) -> TopicConfigKey? { byName[name] }
}
