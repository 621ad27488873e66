import ClusterModel

/// What `partition.metadata` says: of which topic a partition's directory is (KIP-516).
package enum PartitionMetadata {
    package static let fileName = "partition.metadata"
    /// While it is not known to survive a crash.
    static let unsyncedFileName = "partition.metadata.tmp"

    /// - Returns: nil when the bytes are no such text.
    package static func read(_ bytes: [UInt8]) -> KafkaUUID? {
        guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
        let lines = text.split(whereSeparator: \.isNewline)
        guard lines.count == 2, lines[0] == "version: 0", lines[1].hasPrefix("topic_id: ") else { return nil }
        return KafkaUUID(String(lines[1].dropFirst("topic_id: ".count)))
    }

    package static func write(_ topicID: KafkaUUID) -> [UInt8] { Array("version: 0\ntopic_id: \(topicID)".utf8) }
}
