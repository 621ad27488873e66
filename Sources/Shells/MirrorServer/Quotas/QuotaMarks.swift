import ClusterModel
import MartletClient
import Mirroring
import NIOCore

/// Which quotas of the target a link has set, in a topic there.
struct QuotaMarks: Sendable {
    private let target: KafkaClient
    private let partition: TopicPartition
    private let topic: InternalTopic

    init(settings: LinkSettings, target: KafkaClient) {
        let name = QuotaName.topic(source: settings.source, target: settings.target)
        partition = TopicPartition(topic: name, partition: 0)
        self.target = target
        topic = InternalTopic(name, in: target, replicas: settings.replication.remoteTopics)
    }

    /// What stands there now.
    func read() async throws -> [QuotaName: Set<Double>] {
        let administrator = Administrator(target)
        guard try await !administrator.topics([partition.topic]).isEmpty,
            let start = try await administrator.offsets(.earliest, of: [partition])[partition]?.offset,
            let end = try await administrator.offsets(.latest, of: [partition])[partition]?.offset
        else { return [:] }
        var marks: [QuotaName: Set<Double>] = [:]
        try await target.readRecords(of: partition, in: start..<max(start, end)) { records in
            for record in records {
                guard let key = record.key else { continue }
                marks[try QuotaName(recordKey: key)] = try record.value.map { try QuotaName.limits(recordValue: $0) }
            }
        }
        return marks
    }

    /// - Parameter changes: nil gives a quota up.
    func write(_ changes: [QuotaName: Set<Double>?]) async throws {
        let records = changes.sorted { $0.key < $1.key }.map { name, limits in
            (key: name.recordKey, value: limits.map(QuotaName.recordValue))
        }
        try await topic.write(records, unixMilliseconds: WallClock.unixMilliseconds())
    }
}
