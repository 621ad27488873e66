import ClusterModel
import MartletClient

/// How far the source of a link had come, as far as it could be asked.
struct SourceStanding: Sendable {
    /// The ends of what is committed.
    var ends: [TopicPartition: Administrator.FoundOffset] = [:]
    /// The records that were written last.
    var latest: [TopicPartition: Administrator.FoundOffset] = [:]
    /// Why it could not be asked.
    var fault: String?

    static func ask(_ source: Administrator, _ partitions: [TopicPartition]) async -> SourceStanding {
        var standing = SourceStanding()
        do {
            standing.ends = try await source.offsets(.latest, of: partitions)
            standing.latest = try await source.offsets(.maximumTimestamp, of: partitions)
        } catch {
            standing.fault = "\(error)"
        }
        return standing
    }

    /// What the source has and a mirror that has come to `reached` has not, in records and in milliseconds between the
    /// last of both; nil when nobody knows.
    func lag(
        of partition: TopicPartition, behind mirror: Administrator.DescribedPartition, from reached: Offset
    ) -> (records: Int64?, milliseconds: Int64?) {
        guard let end = ends[partition]?.offset else { return (nil, nil) }
        let missing = max(0, end - reached)
        return (missing, missing == 0 ? 0 : max(0, (latest[partition]?.timestamp ?? 0) - mirror.maxTimestamp))
    }
}
