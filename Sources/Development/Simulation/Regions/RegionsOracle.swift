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
        /// Behind which offset a lost home's log is its own, until it has taken the home epoch's cut.
        var lost: (region: String, from: Offset, homeEpoch: Int32)?
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
    private let regions: [Region]
    private let partitions: [TopicPartition]
    private var topics: [String] { Set(partitions.map(\.topic)).sorted() }
    /// The oracle's own.
    var lines: [Place: Line] = [:]
    private(set) var homes: [String: Home] = [:]
    /// Topics whose homes are being moved without their old regions.
    var abandoned: Set<String> = []
    /// Told when a home was moved without its old region, with the cuts.
    var homeWasLost: (String, [Int32: Offset]) -> Void = { _, _ in }
    let quarantine: QuarantineOracle
    private var readings: [Replica: LogReading] = [:]

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
            takePromotionMarkers(of: topic, at: home)
        }
    }

    /// Where a region has cut a topic last.
    func cuts(of topic: String, in region: String) -> [Int32: Offset] {
        let image = regions.first { $0.name == region }?.world.tree.image.topics[topic]
        return MirrorCuts(configs: image?.configs ?? [:]).cuts.compactMapValues(\.last?.offset)
    }

    private func lose(_ topic: String, _ old: Home, _ new: Home) {
        var cuts = cuts(of: topic, in: new.region)
        for (place, line) in lines.sorted(by: { $0.key < $1.key }) where place.topic == topic {
            guard var cut = cuts[place.partition] else { continue }
            // Markers that the new home has written before it was cut stand where the old one has something else.
            if let first = line.promotionMarkers[new.region]?.keys.min() { cut = min(cut, first) }
            cuts[place.partition] = cut
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
        if let lost = lines[place]?.lost, lost.region == region.name, !hasRewound(partition, lost.homeEpoch) {
            end = min(end, lost.from)
        }
        do {
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

    private func hasRewound(_ partition: Partition, _ homeEpoch: Int32) -> Bool {
        switch partition.standing.state {
        case .mirroring, .promoting: partition.standing.homeEpoch >= homeEpoch
        case .ordinary: partition.standing.homeEpoch > homeEpoch
        case .fenced: false
        }
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
