/// What a mirror has brought of one partition, and how late: the figures that MirrorMaker 2 has of a partition.
///
/// Times are taken of the first and the last record of what is sent together, so a mean is that of those two.
package struct CopyTally: Sendable {
    private struct Sums: Sendable {
        var records = 0
        var bytes = 0
    }

    /// Of this life of the mirror.
    package private(set) var records = 0
    package private(set) var bytes = 0
    /// In milliseconds, how old records were when they were read.
    package private(set) var age = RecentSpread()
    /// In milliseconds, how old records were when the target had them.
    package private(set) var latency = RecentSpread()
    private var recent = RecentSums(Sums())

    package init() {}

    /// The target has it.
    package mutating func took(_ load: CopyLoad, _ now: ContinuousClock.Instant, unixMilliseconds: Int64) {
        guard load.bytes > 0 else { return }
        records += load.records
        bytes += load.bytes
        recent.add(now) { sums in
            sums.records += load.records
            sums.bytes += load.bytes
        }
        guard let timestamps = load.timestamps, load.records > 0 else { return }
        func late(_ moment: Int64) -> ClosedRange<Double> {
            // Clocks of producers go ahead.
            Double(max(0, moment - timestamps.upperBound))...Double(max(0, moment - timestamps.lowerBound))
        }
        age.add(late(load.readAtUnixMilliseconds), count: load.records, now)
        latency.add(late(unixMilliseconds), count: load.records, now)
    }

    /// A second, of the last minute at most and half a minute at least.
    package func rates(_ now: ContinuousClock.Instant) -> (records: Double, bytes: Double) {
        guard let (since, sums) = recent.recent(now) else { return (0, 0) }
        let seconds = max(now - since, RecentSums<Sums>.half) / .seconds(1)
        return (
            Double(sums.reduce(0) { $0 + $1.records }) / seconds, Double(sums.reduce(0) { $0 + $1.bytes }) / seconds
        )
    }

    /// How many bytes so many records are, going by what was brought; nil before there was anything.
    package func bytes(ofRecords count: Int64) -> Double? {
        if count == 0 { return 0 }
        return records > 0 ? Double(bytes) / Double(records) * Double(count) : nil
    }
}
