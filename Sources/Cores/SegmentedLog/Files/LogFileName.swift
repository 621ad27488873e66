import ClusterModel

/// The names of a log's files and directories.
package enum LogFileName {
    package static let log = ".log"
    package static let offsetIndex = ".index"
    package static let timeIndex = ".timeindex"
    package static let transactionIndex = ".txnindex"
    package static let snapshot = ".snapshot"
    /// All files of one segment.
    package static let ofSegment = [log, offsetIndex, timeIndex, transactionIndex]
    /// Waits for its removal.
    package static let deleted = ".deleted"
    /// Written by a cleaner, not complete yet.
    package static let cleaned = ".cleaned"
    /// Written by a cleaner, complete, to take the place of others.
    package static let swap = ".swap"

    /// A name such as `00000000000000000200.log`.
    package static func name(_ offset: Offset, _ suffix: String) -> String {
        let digits = String(offset)
        return String(repeating: "0", count: max(0, 20 - digits.utf8.count)) + digits + suffix
    }

    /// The offset of a name with just this suffix; nil when it is none.
    package static func offset(of name: String, _ suffix: String) -> Offset? {
        guard name.hasSuffix(suffix) else { return nil }
        let digits = name.dropLast(suffix.utf8.count)
        guard digits.utf8.count == 20, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Offset(digits)
    }

    /// The partition of a directory named `topic-partition`; nil when it is none.
    package static func partition(of directory: String) -> TopicPartition? {
        guard let dash = directory.lastIndex(of: "-"), dash != directory.startIndex else { return nil }
        let digits = directory[directory.index(after: dash)...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int32(digits)
        else { return nil }
        return TopicPartition(topic: String(directory[..<dash]), partition: number)
    }

    /// What ends the names of directories that cannot be their partition's log.
    private static let quarantined = "-quarantined"

    /// The name under which a partition's directory is kept for whoever wants to know what happened to it; nil when it
    /// would be too long for a file name.
    static func quarantinedDirectory(of partition: TopicPartition, at unixMilliseconds: Int64) -> String? {
        let name = "\(partition).\(String(unixMilliseconds, radix: 16))\(quarantined)"
        return name.utf8.count <= 255 ? name : nil
    }

    /// The partition of a directory with such a name; nil when it is none.
    static func partition(ofQuarantined directory: String) -> TopicPartition? {
        guard directory.hasSuffix(quarantined), let dot = directory.lastIndex(of: ".") else { return nil }
        return partition(of: String(directory[..<dot]))
    }

    /// What ends the names of directories that hold a copy of a log on its way to another data directory.
    private static let future = "-future"

    /// In the directory of a copy from before it gets its partition's name until the log that it is a copy of is gone.
    static let takingOver = "taking-over"

    /// The name of the directory of a copy that is to take its partition's place, as Apache's; nil when it would be too
    /// long for a file name.
    package static func futureDirectory(of partition: TopicPartition, uniqueID: KafkaUUID) -> String? {
        let digits = [uniqueID.high, uniqueID.low].map { half in
            let text = String(half, radix: 16)
            return String(repeating: "0", count: 16 - text.utf8.count) + text
        }
        let name = "\(partition).\(digits.joined())\(future)"
        return name.utf8.count <= 255 ? name : nil
    }

    /// The partition of a directory with such a name; nil when it is none.
    static func partition(ofFuture directory: String) -> TopicPartition? {
        guard directory.hasSuffix(future), let dot = directory.lastIndex(of: ".") else { return nil }
        return partition(of: String(directory[..<dot]))
    }

    /// The name under which a partition's directory waits for its removal; topics' names have up to 249 characters,
    /// so they are cut to what a file name holds.
    package static func deletedDirectory(of partition: TopicPartition, uniqueID: KafkaUUID) -> String {
        let id = String(uniqueID.high, radix: 16) + String(uniqueID.low, radix: 16)
        let suffix = "-\(partition.partition).\(id)-delete"
        return partition.topic.prefix(255 - suffix.utf8.count) + suffix
    }
}
