import MartletClient
import Mirroring
import NIOCore

/// What of one kind a link has set at its target, in a topic there.
struct FollowMarks<Name: FollowedName>: Sendable {
    struct Standing: Sendable {
        /// The cluster that was the link's source when they were written; nil when nobody has said.
        var sourceID: String?
        var marks: [Name: Set<Name.Mark>] = [:]
    }

    private let cluster: KafkaClient
    private let name: String
    private let topic: InternalTopic

    /// - Parameter cluster: the target of the link.
    init(source: String, target: String, in cluster: KafkaClient, replicas: Int16?) {
        name = Name.topic(source: source, target: target)
        self.cluster = cluster
        topic = InternalTopic(name, in: cluster, replicas: replicas)
    }

    /// What stands there now.
    func read() async throws -> Standing {
        var standing = Standing()
        try await cluster.readRecords(ofAll: name) { records in
            for record in records {
                guard let key = record.key else { continue }
                if key == MarksOrigin.recordKey {
                    standing.sourceID = try record.value.map { try MarksOrigin.clusterID(recordValue: $0) }
                } else {
                    standing.marks[try Name(recordKey: key)] = try record.value.map { try Name.marks(recordValue: $0) }
                }
            }
        }
        return standing
    }

    /// - Parameter changes: nil gives something up.
    func write(_ changes: [Name: Set<Name.Mark>?]) async throws {
        let records = changes.sorted { $0.key < $1.key }.map { name, marks in
            (key: name.recordKey, value: marks.map(Name.recordValue))
        }
        try await topic.write(records, unixMilliseconds: WallClock.unixMilliseconds())
    }

    /// Says of which cluster the marks are from now on.
    func write(sourceID: String) async throws {
        try await topic.write(
            [(key: MarksOrigin.recordKey, value: MarksOrigin.recordValue(sourceID))],
            unixMilliseconds: WallClock.unixMilliseconds())
    }
}
