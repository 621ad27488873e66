import ClusterModel

/// The text of Apache Kafka's checkpoint files: version 0, the number of entries, an entry a line.
package enum CheckpointText {
    package static let leaderEpochFile = "leader-epoch-checkpoint"
    package static let recoveryPointFile = "recovery-point-offset-checkpoint"
    package static let highWatermarkFile = "replication-offset-checkpoint"
    package static let logStartOffsetFile = "log-start-offset-checkpoint"
    package static let cleanerOffsetFile = "cleaner-offset-checkpoint"

    /// The fields of each entry; an empty file has none.
    /// - Returns: nil when the bytes are no such text.
    private static func entries(_ bytes: [UInt8], fields: Int) -> [[Substring]]? {
        if bytes.isEmpty { return [] }
        guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        if lines.last == "" { lines.removeLast() }
        guard lines.count >= 2, lines[0] == "0", let count = Int(lines[1]), count == lines.count - 2 else { return nil }
        let entries = lines[2...].map { $0.split(separator: " ", omittingEmptySubsequences: false) }
        return entries.allSatisfy { $0.count == fields } ? entries : nil
    }

    private static func text(_ entries: [String]) -> [UInt8] {
        Array((["0", String(entries.count)] + entries).map { $0 + "\n" }.joined().utf8)
    }

    /// - Returns: nil when the bytes are no such text.
    package static func readLeaderEpochs(_ bytes: [UInt8]) -> LeaderEpochHistory? {
        guard let entries = entries(bytes, fields: 2) else { return nil }
        var history: [LeaderEpochHistory.Entry] = []
        for fields in entries {
            guard let epoch = LeaderEpoch(fields[0]), let offset = Offset(fields[1]), epoch >= 0, offset >= 0
            else { return nil }
            if let last = history.last, last.epoch >= epoch || last.startOffset > offset { return nil }
            // Apache's broker notes an epoch that ends without a record at the same offset as the next.
            if history.last?.startOffset == offset { history.removeLast() }
            history.append(.init(epoch: epoch, startOffset: offset))
        }
        return LeaderEpochHistory(history)
    }

    package static func write(_ history: LeaderEpochHistory) -> [UInt8] {
        text(history.entries.map { "\($0.epoch) \($0.startOffset)" })
    }

    /// - Returns: nil when the bytes are no such text.
    package static func readOffsets(_ bytes: [UInt8]) -> [TopicPartition: Offset]? {
        guard let entries = entries(bytes, fields: 3) else { return nil }
        var offsets: [TopicPartition: Offset] = [:]
        for fields in entries {
            guard let partition = Int32(fields[1]), let offset = Offset(fields[2]), partition >= 0 else { return nil }
            offsets[TopicPartition(topic: String(fields[0]), partition: partition)] = offset
        }
        return offsets
    }

    /// Sorted by partition.
    package static func write(_ offsets: [TopicPartition: Offset]) -> [UInt8] {
        text(offsets.sorted { $0.key < $1.key }.map { "\($0.key.topic) \($0.key.partition) \($0.value)" })
    }
}
