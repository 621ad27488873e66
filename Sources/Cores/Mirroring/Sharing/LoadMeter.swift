import ClusterModel

/// How many bytes a second partitions have lately brought, from looks at their sums; the more recent counts more.
package struct LoadMeter: Sendable {
    /// What a look finds of one partition.
    package struct Reading: Sendable {
        /// So much came since it is brought here.
        package var bytes: Int
        package var lagInBytes: Double

        package init(bytes: Int, lagInBytes: Double) {
            self.bytes = bytes
            self.lagInBytes = lagInBytes
        }
    }

    /// After this time a look counts for half.
    private static let halfLife = Duration.seconds(10)

    private struct Course: Sendable {
        var bytes: Int
        var bytesPerSecond: Double
        var weight: Int64
    }

    private var courses: [TopicPartition: Course] = [:]
    private var lookedAt: ContinuousClock.Instant?

    package init() {}

    /// A look at all partitions that are brought here. What comes in sight for the first time weighs what it is said to.
    package mutating func look(
        _ readings: [TopicPartition: Reading], said weights: [TopicPartition: Int64], at now: ContinuousClock.Instant
    ) {
        let seconds = lookedAt.map { ($0.duration(to: now)) / .seconds(1) } ?? 0
        guard lookedAt == nil || seconds > 0 else { return }
        lookedAt = now
        let old = Self.remains(after: seconds)
        courses = Dictionary(
            uniqueKeysWithValues: readings.map { partition, reading in
                guard let before = courses[partition], seconds > 0, reading.bytes >= before.bytes else {
                    let said = weights[partition] ?? PartitionWeights.least
                    return (partition, Course(bytes: reading.bytes, bytesPerSecond: Double(said), weight: said))
                }
                let lately = Double(reading.bytes - before.bytes) / seconds
                let rate = before.bytesPerSecond * old + lately * (1 - old)
                return (
                    partition,
                    Course(
                        bytes: reading.bytes, bytesPerSecond: rate,
                        weight: PartitionWeights.weight(bytesPerSecond: rate, lagInBytes: reading.lagInBytes))
                )
            })
    }

    /// Which part of what was known counts after so many seconds: half of it after ``halfLife``, and nearly that way
    /// before and after.
    private static func remains(after seconds: Double) -> Double { 1 / (1 + seconds / (halfLife / .seconds(1))) }

    /// Of what was looked at last.
    package var weights: [TopicPartition: Int64] { courses.mapValues(\.weight) }
}
