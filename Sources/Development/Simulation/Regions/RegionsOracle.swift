import BrokerKernel
import ClusterModel
import Controller
import NIOCore
import Records
import SegmentedLog

/// What both regions have ever committed, and where homes are: it reads logs and trees and knows nothing of mirrors.
///
/// What is committed at an offset of a topic is the same, byte for byte but for the leader epoch, on every replica of
/// either region and for ever, unless a home was lost: what its old region holds behind the cut counts for nothing then,
/// or, where that becomes the home again before it was made a mirror, what the other region has had since.
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

    /// What is known of one partition.
    struct Line {
        var batches: [Offset: LogReading.Content] = [:]
        /// Behind the last of them.
        var end: Offset = 0
        /// The offsets of batches that a region has committed at some time.
        var heldBy: [String: Set<Offset>] = [:]
        /// Behind the last of them.
        var heldEnd: [String: Offset] = [:]
        /// Where a region's log began when it held a batch for the first time.
        var firstStart: [String: Offset] = [:]
        /// The furthest beginning of a log that a leader of a region had: a deletion that nobody was promised may be undone.
        var furthestStart: [String: Offset] = [:]
        /// Where all replicas of a region have begun at some time: nothing before it comes back.
        var deletedEnd: [String: Offset] = [:]
        /// Markers that end what is open where a region is about to be the home, by the region.
        var promotionMarkers: [String: [Offset: LogReading.Content]] = [:]
        /// Where the home has begun: no transaction before it is open there.
        var settled: (home: Home, before: Offset)?
        /// What regions hold of their own that were the home when it was taken over without them.
        var lost: [String: LostEnd] = [:]
    }

    /// Where a topic's home is.
    struct Home: Equatable {
        var region: String
        var homeEpoch: Int32
    }

    private struct Replica: Hashable {
        var region: String
        var broker: BrokerID
        var partition: TopicPartition
    }

    let chronicle: Chronicle
    let regions: [Region]
    private let partitions: [TopicPartition]
    var topics: [String] { Set(partitions.map(\.topic)).sorted() }
    /// The oracle's own.
    var lines: [Place: Line] = [:]
    /// The oracle's own.
    var homes: [String: Home] = [:]
    /// Topics whose homes are being moved without their old regions.
    var abandoned: Set<String> = []
    /// Told when a home was moved without its old region.
    var homeWasLost: (LostHome) -> Void = { _ in }
    let quarantine: QuarantineOracle
    private var readings: [Replica: LogReading] = [:]
    /// Of replicas in regions that were the home when it was lost, until these are mirrors.
    private var readingsOfLost: [Replica: LogReading] = [:]

    /// - Parameter partitions: all of the topics in which nothing is lost but with a home.
    init(_ regions: [Region], _ partitions: [TopicPartition], _ chronicle: Chronicle) {
        self.regions = regions
        self.partitions = partitions
        self.chronicle = chronicle
        quarantine = QuarantineOracle(chronicle)
        for region in regions {
            region.world.stepped = { [unowned self, unowned region] broker in
                look(at: broker, of: region)
                quarantine.look(at: broker, of: region)
            }
            region.world.treeWritten = { [unowned self, unowned region] in
                lookAtHomes()
                quarantine.lookAtTopics(of: region)
            }
        }
    }

    // MARK: - Groups

    /// Now and then looks at what groups have committed where a topic is mirrored: never more than there is.
    func watch(_ groups: [String], in region: Region, as process: SimulatedProcess) {
        process.begin { [self] in
            while process.isRunning {
                for group in groups {
                    _ = await process.attempt("watching \(group)") {
                        // An answer may have been on its way since before the topic became a mirror topic.
                        let mirrored = mirroredTopics(in: region)
                        let offsets = try await process.committed(by: group, in: region)
                        look(at: offsets, of: group, in: region, mirrored)
                    }
                }
                _ = await process.attempt("watching") { try await process.sleep(100...500) }
            }
        }
    }

    /// The topics that a region mirrors, with the home epochs since when.
    private func mirroredTopics(in region: Region) -> [String: Int32] {
        var homeEpochs: [String: Int32] = [:]
        for topic in topics {
            guard let image = region.world.tree.image.topics[topic] else { continue }
            let standing = MirrorStanding(image.configs)
            if standing.state == .mirroring { homeEpochs[topic] = standing.homeEpoch }
        }
        return homeEpochs
    }

    private func look(
        at offsets: [TopicPartition: Offset], of group: String, in region: Region, _ mirrored: [String: Int32]
    ) {
        let stillMirrored = mirroredTopics(in: region)
        for (partition, offset) in offsets.sorted(by: { $0.key < $1.key }) {
            guard let image = region.world.tree.image.topics[partition.topic],
                let homeEpoch = mirrored[partition.topic], stillMirrored[partition.topic] == homeEpoch
            else { continue }
            let place = Place(topicID: image.id, topic: partition.topic, partition: partition.partition)
            let end = lines[place]?.heldEnd[region.name] ?? 0
            if offset > end {
                chronicle.violate("\(group) is at \(offset) of \(partition) in \(region.name), which ends at \(end)")
            }
        }
    }

    // MARK: - Logs

    private func look(at broker: ClusterBroker, of region: Region) {
        for name in partitions {
            // While a topic is being deleted, brokers may still have what the tree has no more.
            guard let partition = broker.kernel?.partitions[name] else { continue }
            look(at: partition, Replica(region: region.name, broker: broker.id, partition: name), region)
        }
    }

    private func look(at partition: Partition, _ replica: Replica, _ region: Region) {
        var reading = readings[replica] ?? LogReading(of: partition)
        if reading.topicID != partition.topicID { reading = LogReading(of: partition) }
        let name = partition.name
        let place = Place(topicID: partition.topicID, topic: name.topic, partition: name.partition)
        if partition.isLeader {
            lookAtStart(of: partition, place, in: region.name)
            lookAtTransactions(of: partition, place, in: region.name)
        }
        guard reading.isStale(for: partition) else { return }
        var end = partition.log.highWatermark
        do {
            if let lost = lines[place]?.lost[region.name], !lost.isRewound(on: partition) {
                end = min(end, lost.from)
                try lookAtLost(partition, replica, place)
            } else {
                readingsOfLost[replica] = nil
            }
            let news = try reading.goOn(in: partition, committedTo: end)
            let committed = news.deleted + news.committed
            note(committed, of: partition, place, in: region.name, "broker \(replica.broker)")
            for batch in news.deleted {
                chronicle.count("batches deleted in the step that committed them")
                chronicle.note(
                    "\(region.name)'s broker \(replica.broker) has committed [\(batch.base), \(batch.content.next)) of "
                        + "\(name), and deleted it at once")
            }
            check(news.appended, mirroredTo: partition, place, in: region.name, "broker \(replica.broker)")
        } catch {
            chronicle.violate("\(region.name)'s \(name) of broker \(replica.broker) cannot be read: \(error)")
        }
        readings[replica] = reading
    }

    /// What the leader of a mirror topic takes was committed at the home by then.
    private func check(
        _ appended: [LogReading.Batch], mirroredTo partition: Partition, _ place: Place, in region: String,
        _ teller: String
    ) {
        let standing = partition.standing
        guard standing.state == .mirroring, let home = homes[place.topic], home.region != region,
            home.homeEpoch == standing.homeEpoch
        else { return }
        for one in appended where lines[place]?.batches[one.base] != one.content {
            chronicle.violate(
                "\(place.topic)-\(place.partition): \(region)'s \(teller) mirrors [\(one.base), \(one.content.next)), which "
                    + "was not committed in the \(home.region)")
        }
    }

    private func lookAtStart(of partition: Partition, _ place: Place, in region: String) {
        let start = partition.log.logStartOffset
        if start > lines[place]?.furthestStart[region] ?? 0 {
            lines[place, default: Line()].furthestStart[region] = start
        }
        guard let deletedEnd = lines[place]?.deletedEnd[region], start < deletedEnd else { return }
        chronicle.violate(
            "\(partition.name) begins at \(start) in the \(region), where all before \(deletedEnd) was deleted from all "
                + "replicas")
        // Said once.
        lines[place]?.deletedEnd[region] = start
    }

    /// A deletion was acknowledged. Where no replica has the records any more, they are gone for good.
    func lookAtDeletion(in name: TopicPartition, of region: Region) {
        let replicas = region.world.brokers.compactMap { $0.kernel?.partitions[name] }
        guard let one = replicas.first, replicas.count == region.world.brokers.count,
            replicas.allSatisfy({ $0.topicID == one.topicID }),
            let start = replicas.map(\.log.logStartOffset).min()
        else { return }
        let place = Place(topicID: one.topicID, topic: name.topic, partition: name.partition)
        let known = lines[place]?.deletedEnd[region.name] ?? 0
        lines[place, default: Line()].deletedEnd[region.name] = max(known, start)
        chronicle.count("deletions on all replicas")
    }

    /// What a region commits that is not the home any more, and does not know it, is one line too.
    private func lookAtLost(_ partition: Partition, _ replica: Replica, _ place: Place) throws {
        var reading = readingsOfLost[replica] ?? LogReading(of: partition)
        if reading.topicID != partition.topicID { reading = LogReading(of: partition) }
        guard reading.isStale(for: partition) else { return }
        let news = try reading.goOn(in: partition, committedTo: partition.log.highWatermark)
        for batch in news.deleted + news.committed {
            guard let other = lines[place]?.lost[replica.region]?.take(batch) else { continue }
            chronicle.violate(
                "\(partition.name): \(replica.region)'s broker \(replica.broker), whose home is lost, has committed "
                    + "[\(batch.base), \(batch.content.next)), where \(other)")
        }
        readingsOfLost[replica] = reading
    }

    private func note(
        _ committed: [LogReading.Batch], of partition: Partition, _ place: Place, in region: String, _ teller: String
    ) {
        guard let first = committed.first else { return }
        var line = lines[place] ?? Line()
        if line.firstStart[region] == nil { line.firstStart[region] = min(partition.log.logStartOffset, first.base) }
        for one in committed {
            let known = line.batches[one.base]
            let isHome = region == homes[place.topic]?.region
            if known != one.content, !isHome, line.takePromotionMarker(one, of: partition, in: region) { continue }
            let isNew = known == nil && one.base >= line.end && isHome
            if known != one.content, !isNew {
                let there = known.map { "something else up to \($0.next)" } ?? "nothing begins (the end is \(line.end))"
                chronicle.violate(
                    "\(place.topic)-\(place.partition): \(region)'s \(teller) has committed [\(one.base), "
                        + "\(one.content.next)), where \(there)")
                continue
            }
            line.batches[one.base] = one.content
            line.end = max(line.end, one.content.next)
            line.heldBy[region, default: []].insert(one.base)
            line.heldEnd[region] = max(line.heldEnd[region] ?? 0, one.content.next)
        }
        lines[place] = line
    }
}
