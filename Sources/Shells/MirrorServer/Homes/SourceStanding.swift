import ClusterModel
import Controller
import MartletClient

/// How far the source of a link had come, as far as it could be asked.
struct SourceStanding: Sendable {
    /// For how long leaders that are changing are waited for.
    static let patienceWithLeaders = Duration.seconds(2)

    /// The ends of what is committed.
    var ends: [TopicPartition: Administrator.FoundOffset] = [:]
    /// The first records there are.
    var first: [TopicPartition: Administrator.FoundOffset] = [:]
    /// The records that were written last.
    var latest: [TopicPartition: Administrator.FoundOffset] = [:]
    /// What the source says of the homes of topics of which that was asked.
    var standings: [String: MirrorStanding] = [:]
    /// What the source says of partitions of which that was asked.
    var described: [TopicPartition: Administrator.DescribedPartition] = [:]
    /// Topics that are mirror topics there: the records at their ends are the new home's.
    var mirrors: Set<String> = []
    /// Topics that it has deleted: nothing is to be asked of them.
    var absent: Set<String> = []
    /// Whether it answers, if not all of its brokers do.
    var isReached = false
    /// Why it, or a part of it, could not be asked.
    var fault: String?

    /// - Parameters:
    ///   - topics: those of which it is asked whether they are mirror topics there.
    ///   - gone: partitions whose home has moved there from the target.
    static func ask(
        _ source: Administrator, _ partitions: [TopicPartition], settingsOf topics: [String] = [],
        describing gone: [TopicPartition] = []
    ) async -> SourceStanding {
        var standing = SourceStanding()
        do {
            standing.absent = try await source.absent(Set(partitions.map(\.topic)).sorted())
            let partitions = partitions.filter { !standing.absent.contains($0.topic) }
            let deadline = ContinuousClock.now + Self.patienceWithLeaders
            standing.latest = try await source.offsets(.maximumTimestamp, ofThoseLedOf: partitions, until: deadline)
            standing.first = try await source.offsets(.timestamp(0), ofThoseLedOf: partitions, until: deadline)
            standing.ends = try await source.offsets(.latest, ofThoseLedOf: partitions, until: deadline)
            let silent = partitions.filter { standing.ends[$0] == nil }
            if !silent.isEmpty { standing.fault = "leaders of \(silent.inWords) do not answer" }
            let settings = topics.isEmpty ? [:] : try await source.topicSettings(topics)
            standing.standings = settings.mapValues { MirrorStanding($0) }
            standing.mirrors = Set(standing.standings.filter { $0.value.state == .mirroring }.keys)
            standing.isReached = true
            standing.described = try await source.describeMirrors(gone.filter { !standing.absent.contains($0.topic) })
        } catch {
            standing.fault = "\(error)"
        }
        return standing
    }

    /// What the source has and a mirror that has come to `reached` has not, in records and in milliseconds between the
    /// last of both; where the mirror has none, in milliseconds since the source's first. nil when nobody knows.
    func lag(
        of partition: TopicPartition, behind mirror: Administrator.DescribedPartition, from reached: Offset
    ) -> (records: Int64?, milliseconds: Int64?) {
        guard let missing = missing(partition, from: reached) else { return (nil, nil) }
        guard missing > 0 else { return (0, 0) }
        guard let latest = latest[partition]?.timestamp else { return (missing, nil) }
        let first = first[partition]?.timestamp ?? -1
        let mirrored = mirror.maxTimestamp >= 0 ? mirror.maxTimestamp : first
        return (missing, mirrored >= 0 ? max(0, latest - mirrored) : 0)
    }

    /// Where the source was cut when the home moved to it, and where it ends now; the same where nobody has written it. nil
    /// when nobody knows.
    /// - Parameters:
    ///   - own: the partition at the target, from which the home had moved away.
    ///   - link: from the source to the target.
    func parting(
        from own: Administrator.DescribedPartition, _ partition: TopicPartition, link: String
    ) -> (cut: Offset, end: Offset)? {
        guard let told = described[partition] else { return nil }
        switch told.state {
        case .ordinary:
            // One that was reclaimed there was last cut behind the place where both parted.
            return told.cutOffset < 0 || told.link == link ? nil : (told.cutOffset, told.highWatermark)
        case .fenced: return nil
        case .mirroring, .promoting:
            // A move to there was begun, and had not come to its end.
            return told.homeEpoch < own.homeEpoch ? (told.highWatermark, told.highWatermark) : nil
        }
    }

    /// How many records stand behind an offset, by their offsets; nil when nobody knows.
    func missing(_ partition: TopicPartition, from reached: Offset) -> Int64? {
        guard let end = ends[partition]?.offset, !mirrors.contains(partition.topic) else { return nil }
        return max(0, end - reached)
    }
}
