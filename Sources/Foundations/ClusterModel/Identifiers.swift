/// A record's position in its partition; 0 and up. Negative values are the protocol's signs, never positions.
package typealias Offset = Int64

/// How often a partition's leadership has changed hands; -1 is unknown.
package typealias LeaderEpoch = Int32

/// The id by which a producer's idempotence and transactions are tracked; -1 is none.
package typealias ProducerID = Int64

package struct BrokerID: Sendable, Hashable, Comparable, CustomStringConvertible {
    package var value: Int32

    package init(_ value: Int32) { self.value = value }

    package static func < (left: BrokerID, right: BrokerID) -> Bool { left.value < right.value }
    package var description: String { String(value) }
}

package struct TopicPartition: Sendable, Hashable, Comparable, CustomStringConvertible {
    package var topic: String
    package var partition: Int32

    package init(topic: String, partition: Int32) {
        self.topic = topic
        self.partition = partition
    }

    package static func < (left: TopicPartition, right: TopicPartition) -> Bool {
        (left.topic, left.partition) < (right.topic, right.partition)
    }
    /// The name of its log directory: `topic-partition`.
    package var description: String { "\(topic)-\(partition)" }
}
