import ClusterModel
import Controller
import Seams

/// A record as clients know it.
struct ClientRecord: Hashable, CustomStringConvertible {
    var key: String?
    /// nil deletes the key.
    var value: String?

    var description: String { (key.map { "\($0)=" } ?? "") + (value ?? "nothing") }
}

/// What is known to have been promised of one partition, by offset.
struct PartitionHistory {
    var acknowledged: [Offset: ClientRecord] = [:]
    var read: [Offset: ClientRecord] = [:]
}

/// A topic of the scenario, and what clients were told of it.
final class ClusterTopic {
    enum Kind {
        /// Keeps all that was acknowledged.
        case lasting
        /// Keeps it also when it was acknowledged by a leader that was alone.
        case lonely
        /// Keeps the latest value of each key.
        case compacted
        /// May lose what was acknowledged, where nobody in sync is left; its replicas are the same in the end.
        case lossy
        /// Is deleted and created again.
        case passing
        /// Holds the groups' offsets; nobody writes to it but brokers.
        case ofGroups

        var configs: [String: String] {
            let compaction = [
                "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.05", "segment.bytes": "1200",
                "segment.ms": "4000", "delete.retention.ms": "15000", "file.delete.delay.ms": "1000",
            ]
            return switch self {
            case .lasting, .passing: ["min.insync.replicas": "2"]
            case .compacted, .ofGroups: compaction.merging(["min.insync.replicas": "2"]) { $1 }
            case .lonely: ["min.insync.replicas": "1"]
            case .lossy: ["min.insync.replicas": "1", "unclean.leader.election.enable": "true"]
            }
        }

        var isCompacted: Bool { self == .compacted || self == .ofGroups }
    }

    /// How long a replica may be out of sync, at most, that has to know of each deletion.
    static let longestAbsence = Duration.seconds(8)

    let name: String
    let kind: Kind
    let partitionCount: Int32
    var id = KafkaUUID.zero
    var histories: [PartitionHistory]
    /// Of a topic that passes: values that were acknowledged in its earlier lives, and are in no request any more.
    var buried: Set<String> = []
    /// Replicas that did not follow from the beginning, or not all the time: they may have missed that a key was deleted.
    var latecomers: Set<Replica> = []
    /// Since when a replica is out of sync.
    var absences: [Replica: Instant] = [:]

    struct Replica: Hashable {
        var broker: BrokerID
        var partition: Int32
    }

    init(_ name: String, _ kind: Kind, partitions: Int32) {
        self.name = name
        self.kind = kind
        partitionCount = partitions
        histories = Array(repeating: PartitionHistory(), count: Int(partitions))
    }

    func partition(_ index: Int32) -> TopicPartition { TopicPartition(topic: name, partition: index) }

    /// The topic is made anew under its name.
    func beginAnew(_ id: KafkaUUID) {
        self.id = id
        histories = Array(repeating: PartitionHistory(), count: Int(partitionCount))
    }

    /// Notes who is out of sync now.
    func noteAbsences(in image: TopicImage, at now: Instant) {
        for (index, partition) in image.partitions.enumerated() {
            for broker in partition.replicas {
                let replica = Replica(broker: broker, partition: Int32(index))
                if partition.isr.contains(broker) {
                    absences[replica] = nil
                } else if let since = absences[replica] {
                    if now - since > Self.longestAbsence { latecomers.insert(replica) }
                } else {
                    absences[replica] = now
                }
            }
        }
    }
}
