import BrokerKernel
import ClusterModel
import SegmentedLog

/// What was ever kept in quarantine topics stays there, where it was kept: it stands nowhere else.
final class QuarantineOracle {
    private struct Topic: Hashable {
        var region: String
        var name: String
    }

    private struct Kept {
        var topicID: KafkaUUID
        /// All that was ever committed.
        var batches: [Offset: LogReading.Content] = [:]
        var readings: [BrokerID: LogReading] = [:]
        var isGone = false
    }

    /// Not Mirroring's: this is to notice when that changes it.
    private static let prefix = "mirror-quarantine."

    private let chronicle: Chronicle
    private var topics: [Topic: Kept] = [:]

    init(_ chronicle: Chronicle) { self.chronicle = chronicle }

    /// To be called after each change of a region's tree.
    func lookAtTopics(of region: Region) {
        let present = region.world.tree.image.topics
        for (name, image) in present where name.hasPrefix(Self.prefix) {
            let topic = Topic(region: region.name, name: name)
            if topics[topic] == nil { topics[topic] = Kept(topicID: image.id) }
        }
        for topic in sorted where topic.region == region.name {
            guard topics[topic]?.isGone == false, present[topic.name]?.id != topics[topic]?.topicID else { continue }
            topics[topic]?.isGone = true
            chronicle.violate("\(topic.region)'s \(topic.name) was deleted, with what was kept in it")
        }
    }

    /// To be called after each step of a region's broker.
    func look(at broker: ClusterBroker, of region: Region) {
        guard !topics.isEmpty else { return }
        for topic in sorted where topic.region == region.name {
            let place = TopicPartition(topic: topic.name, partition: 0)
            guard let partition = broker.kernel?.partitions[place], var kept = topics[topic],
                partition.topicID == kept.topicID
            else { continue }
            var reading = kept.readings[broker.id] ?? LogReading(of: partition)
            guard reading.isStale(for: partition) else { continue }
            do {
                for batch in try reading.goOn(in: partition, committedTo: partition.log.highWatermark).committed {
                    let known = kept.batches.updateValue(batch.content, forKey: batch.base)
                    if known ?? batch.content != batch.content {
                        chronicle.violate("\(topic.region)'s \(topic.name) has something else at \(batch.base) now")
                    }
                }
            } catch {
                chronicle.violate("\(topic.region)'s \(topic.name) of broker \(broker.id) cannot be read: \(error)")
            }
            kept.readings[broker.id] = reading
            topics[topic] = kept
        }
    }

    /// To be called when all is mended.
    /// - Parameter log: what the leader of a topic's partition has.
    func checkEnd(of region: Region, _ log: (TopicPartition) -> PartitionLog?) throws {
        for topic in sorted where topic.region == region.name {
            guard let kept = topics[topic], !kept.isGone,
                let log = log(TopicPartition(topic: topic.name, partition: 0))
            else { continue }
            let held = try log.batches(log.logStartOffset..<log.logEndOffset)
            let digests = Dictionary(uniqueKeysWithValues: held.map { ($0.header.baseOffset, $0.digest) })
            for (base, content) in kept.batches.sorted(by: { $0.key < $1.key }) {
                chronicle.count("batches kept in quarantine")
                if digests[base] != content.digest {
                    chronicle.violate("\(topic.region)'s \(topic.name) has lost what was kept at \(base)")
                }
            }
        }
    }

    private var sorted: [Topic] { topics.keys.sorted { ($0.region, $0.name) < ($1.region, $1.name) } }
}
