import BrokerKernel
import ClusterModel
import Controller
import NIOCore
import Records
import SegmentedLog

/// What both regions have ever committed, and where homes are: it reads logs and trees and knows nothing of mirrors.
///
/// What is committed at an offset of a topic is the same, byte for byte but for the leader epoch, on every replica of
/// either region and for ever, unless a home was lost: what its old region holds behind the cut counts for nothing then.
final class RegionsOracle {
    /// A partition of one topic, wherever it is.
    struct Place: Hashable, Comparable {
        var topicID: KafkaUUID
        var topic: String
        var partition: Int32

        static func < (left: Place, right: Place) -> Bool {
            (left.topic, left.partition, left.topicID.description) < (
                right.topic, right.partition, right.topicID.description
            )
        }
    }

    struct CommittedBatch: Equatable {
        var next: Offset
        var digest: RangeDigest
    }

    /// What is known of one partition.
    struct Line {
        var batches: [Offset: CommittedBatch] = [:]
        /// Behind the last of them.
        var end: Offset = 0
        /// The offsets of batches that a region has committed at some time.
        var heldBy: [String: Set<Offset>] = [:]
        /// Behind the last of them.
        var heldEnd: [String: Offset] = [:]
        /// Where a region's log began when it held a batch for the first time.
        var firstStart: [String: Offset] = [:]
        /// Behind which offset a lost home's log is its own, until it has taken the home epoch's cut.
        var lost: (region: String, from: Offset, homeEpoch: Int32)?
    }

    /// Where a topic's home is.
    struct Home: Equatable {
        var region: String
        var homeEpoch: Int32
    }

    /// A replica, by the places of its region and topic among those that are looked at.
    private struct Replica: Hashable {
        var region: Int
        var broker: BrokerID
        var topic: Int
        var partition: Int32
    }

    private let chronicle: Chronicle
    private let regions: [Region]
    private let topics: [String]
    private(set) var lines: [Place: Line] = [:]
    private(set) var homes: [String: Home] = [:]
    /// Topics whose homes are being moved without their old regions.
    var abandoned: Set<String> = []
    /// Told when a home was moved without its old region, with the cuts.
    var homeWasLost: (String, [Int32: Offset]) -> Void = { _, _ in }
    /// Up to where a replica was looked at, and of which topic.
    private var read: [Replica: (topicID: KafkaUUID, end: Offset)] = [:]

    /// - Parameter topics: in which nothing is lost but with a home.
    init(_ regions: [Region], topics: [String], _ chronicle: Chronicle) {
        self.regions = regions
        self.topics = topics
        self.chronicle = chronicle
        for (place, region) in regions.enumerated() {
            region.world.stepped = { [unowned self] in look(at: $0, of: place) }
            region.world.treeWritten = { [unowned self] in lookAtHomes() }
        }
    }

    // MARK: - Homes

    /// In a home epoch at most one region is the home.
    private func lookAtHomes() {
        for topic in topics {
            var found: [Home] = []
            for region in regions {
                guard let image = region.world.tree.image.topics[topic], !image.partitions.isEmpty else { continue }
                let standing = MirrorStanding(image.configs)
                guard standing.state == .ordinary else { continue }
                found.append(Home(region: region.name, homeEpoch: standing.homeEpoch))
            }
            if found.count == 2, found[0].homeEpoch == found[1].homeEpoch {
                chronicle.violate("\(topic) has its home in both regions in home epoch \(found[0].homeEpoch)")
            }
            guard let home = found.max(by: { $0.homeEpoch < $1.homeEpoch }) else { continue }
            guard let known = homes[topic], known.region != home.region, home.homeEpoch > known.homeEpoch else {
                if homes[topic].map({ $0.homeEpoch <= home.homeEpoch }) ?? true { homes[topic] = home }
                continue
            }
            homes[topic] = home
            chronicle.note("the home of \(topic) is \(home.region) in home epoch \(home.homeEpoch)")
            if abandoned.contains(topic) { lose(topic, known, home) }
        }
    }

    private func lose(_ topic: String, _ old: Home, _ new: Home) {
        guard let image = regions.first(where: { $0.name == new.region })?.world.tree.image.topics[topic] else {
            return
        }
        let cuts = MirrorCuts(configs: image.configs).cuts.mapValues(\.offset)
        for (place, line) in lines.sorted(by: { $0.key < $1.key }) where place.topic == topic {
            guard let cut = cuts[place.partition] else { continue }
            chronicle.note("\(place.topic)-\(place.partition) is cut at \(cut)")
            var line = line
            line.lost = (old.region, cut, new.homeEpoch)
            line.batches = line.batches.filter { $0.key < cut }
            line.end = line.batches.values.map(\.next).max() ?? 0
            line.heldBy = line.heldBy.mapValues { $0.filter { $0 < cut } }
            line.heldEnd = line.heldEnd.mapValues { min($0, cut) }
            lines[place] = line
        }
        homeWasLost(topic, cuts)
    }

    // MARK: - Groups

    /// Now and then looks at what groups have committed where a topic is mirrored: never more than there is.
    func watch(_ groups: [String], in region: Region, as process: SimulatedProcess) {
        process.begin { [self] in
            while process.isRunning {
                for group in groups {
                    _ = await process.attempt("watching \(group)") {
                        look(at: try await process.committed(by: group, in: region), of: group, in: region)
                    }
                }
                _ = await process.attempt("watching") { try await process.sleep(100...500) }
            }
        }
    }

    private func look(at offsets: [TopicPartition: Offset], of group: String, in region: Region) {
        for (partition, offset) in offsets.sorted(by: { $0.key < $1.key }) {
            guard let image = region.world.tree.image.topics[partition.topic],
                MirrorStanding(image.configs).state == .mirroring
            else { continue }
            let place = Place(topicID: image.id, topic: partition.topic, partition: partition.partition)
            let end = lines[place]?.heldEnd[region.name] ?? 0
            if offset > end {
                chronicle.violate("\(group) is at \(offset) of \(partition) in \(region.name), which ends at \(end)")
            }
        }
    }

    // MARK: - Logs

    private func look(at broker: ClusterBroker, of region: Int) {
        guard let kernel = broker.kernel else { return }
        for (place, topic) in topics.enumerated() {
            for index in 0..<(regions[region].world.tree.image.topics[topic]?.partitions.count ?? 0) {
                let name = TopicPartition(topic: topic, partition: Int32(index))
                guard let partition = kernel.partitions[name] else { continue }
                let replica = Replica(region: region, broker: broker.id, topic: place, partition: Int32(index))
                look(at: partition, replica, regions[region])
            }
        }
    }

    private func look(at partition: Partition, _ replica: Replica, _ region: Region) {
        let known = read[replica].flatMap { $0.topicID == partition.topicID ? $0.end : nil } ?? 0
        var end = partition.log.highWatermark
        if known == end { return }
        let name = partition.name
        let place = Place(topicID: partition.topicID, topic: name.topic, partition: name.partition)
        if let lost = lines[place]?.lost, lost.region == region.name, !hasRewound(partition, lost.homeEpoch) {
            end = min(end, lost.from)
        }
        let begin = max(min(known, end), partition.log.logStartOffset)
        read[replica] = (partition.topicID, end)
        guard begin < end else { return }
        do {
            try note(partition.log, begin..<end, of: place, in: region.name, "broker \(replica.broker)")
        } catch {
            chronicle.violate("\(region.name)'s \(name) of broker \(replica.broker) cannot be read: \(error)")
        }
    }

    private func hasRewound(_ partition: Partition, _ homeEpoch: Int32) -> Bool {
        switch partition.standing.state {
        case .mirroring, .promoting: partition.standing.homeEpoch >= homeEpoch
        case .ordinary: partition.standing.homeEpoch > homeEpoch
        case .fenced: false
        }
    }

    private func note(
        _ log: PartitionLog, _ range: Range<Offset>, of place: Place, in region: String, _ teller: String
    ) throws {
        var line = lines[place] ?? Line()
        if line.firstStart[region] == nil { line.firstStart[region] = log.logStartOffset }
        for (header, digest) in try Self.batches(of: log, range) {
            let batch = CommittedBatch(next: header.nextOffset, digest: digest)
            let known = line.batches[header.baseOffset]
            let isNew = known == nil && header.baseOffset >= line.end && region == homes[place.topic]?.region
            if known != batch, !isNew {
                let there = known.map { "something else up to \($0.next)" } ?? "nothing begins (the end is \(line.end))"
                chronicle.violate(
                    "\(place.topic)-\(place.partition): \(region)'s \(teller) has committed [\(header.baseOffset), "
                        + "\(header.nextOffset)), where \(there)")
            }
            line.batches[header.baseOffset] = batch
            line.end = max(line.end, header.nextOffset)
            line.heldBy[region, default: []].insert(header.baseOffset)
            line.heldEnd[region] = max(line.heldEnd[region] ?? 0, header.nextOffset)
        }
        lines[place] = line
    }

    static func batches(
        of log: PartitionLog, _ range: Range<Offset>
    ) throws -> [(header: RecordBatchHeader, digest: RangeDigest)] {
        var found: [(header: RecordBatchHeader, digest: RangeDigest)] = []
        var batches = RecordBatches(try log.bytes(range))
        while let batch = try batches.next() {
            guard batch.header.nextOffset > range.lowerBound, batch.header.baseOffset < range.upperBound else {
                continue
            }
            var digest = RangeDigest()
            batch.bytes.withUnsafeReadableBytes { digest.add(batch.header, $0) }
            found.append((batch.header, digest))
        }
        return found
    }
}

extension PartitionLog {
    /// The batches in which a range of offsets is.
    func bytes(_ range: Range<Offset>) throws -> ByteBuffer {
        var all = ByteBuffer()
        var offset = max(range.lowerBound, logStartOffset)
        while offset < range.upperBound {
            guard
                case .slice(let slice) = try read(
                    from: offset, maxBytes: 1 << 20, minOneBatch: true, upTo: range.upperBound),
                let range = slice.range
            else { break }
            all.append(.inFile(range))
            offset = slice.nextOffset
        }
        return all
    }
}
