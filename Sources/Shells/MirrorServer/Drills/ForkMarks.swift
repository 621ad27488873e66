import ClusterModel
import MartletClient
import Mirroring

/// Keeps the marks of a drill's forks.
struct ForkMarks: Sendable {
    private static let marksAtOnce = 1_000

    let cluster: Administrator
    let fork: ForkLink

    /// By the forks' partitions.
    func read() async throws -> [TopicPartition: ForkMark] {
        try await cluster.committedOffsets(of: fork.markGroup)
            .compactMapValues { ForkMark(end: $0.offset, metadata: $0.metadata) }
    }

    /// The forks have to be there.
    func write(_ marks: [TopicPartition: ForkMark]) async throws {
        let sorted = marks.sorted { $0.key < $1.key }
        for start in stride(from: 0, to: sorted.count, by: Self.marksAtOnce) {
            let some = sorted[start..<min(start + Self.marksAtOnce, sorted.count)]
            try await cluster.commitOffsets(
                Dictionary(uniqueKeysWithValues: some.map { ($0.key, $0.value.end) }),
                metadata: Dictionary(uniqueKeysWithValues: some.map { ($0.key, $0.value.metadata) }),
                of: fork.markGroup)
        }
    }
}
