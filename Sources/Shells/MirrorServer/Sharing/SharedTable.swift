import ClusterModel
import Mirroring

/// The partitions of a link of which several processes bring their shares.
protocol SharedTable: CopyTable {
    /// Rung when something has changed that may be waited for.
    var changed: Bells { get }
    /// All partitions that there are, whoever brings them.
    var known: Set<TopicPartition> { get }

    /// From now on these are brought here, and no others: what is not among them is forgotten. nil for all there are.
    func own(_ partitions: Set<TopicPartition>?)
    /// Reads these no further; what was read of them is still sent.
    func retire(_ partitions: Set<TopicPartition>)
    /// Whether nothing of these is under way.
    func isQuiet(_ partitions: Set<TopicPartition>) -> Bool
    /// What was brought of the partitions that are brought here.
    func readings() -> [TopicPartition: LoadMeter.Reading]
}
