import BrokerKernel
import ClusterModel
import Controller
import Mirroring
import NIOCore
import Records
import Seams
import SegmentedLog

/// What must hold when all is mended.
extension RegionsRun {
    private static let healingTime = Duration.seconds(15)
    private static let wakingTime = Duration.seconds(5)

    /// Some writers write no more, and what they wrote last comes to a leader of the mirror that cannot commit it and takes
    /// it to its grave: it has to be copied again, with nothing more to copy.
    func fallSilent() throws {
        let places = Array(Set(Self.partitions)).sorted()
        let first = places[Int.random(in: 0..<places.count, using: &random)]
        let silent = places.filter { $0 == first || Bool.random(using: &random) }
        if let mirror = links[0].mirror { end(mirror.process) }
        links[0].mirror = nil
        chronicle.run(for: .milliseconds(Int.random(in: 50...800, using: &random)))
        chronicle.note("nobody writes to \(silent) any more")
        for producer in producers where silent.contains(producer.partition) { producer.isQuiet = true }
        for transactor in transactors where silent.contains(transactor.partition) { transactor.isQuiet = true }
        chronicle.run(for: .milliseconds(Int.random(in: 1000...3000, using: &random)))
        if let leader = east.world.tree.image.partition(first)?.leader {
            // Longer than an append waits to be committed.
            isolate(east.world[leader], east.world, for: east.world.milliseconds(2500...5500))
        }
        if links[0].mirror == nil { try startMirror(0) }
        chronicle.run(for: .seconds(6))
    }

    func mend() throws {
        chronicle.note("all is mended")
        for region in regions { region.world.mendAll(calmIn: Self.healingTime) }
        chronicle.run(for: Self.healingTime)
        let silent = Set(producers.filter(\.isQuiet).map(\.partition))
        for partition in silent.sorted() { checkIsInStep(partition) }
        for producer in producers { producer.isQuiet = false }
        for transactor in transactors { transactor.isQuiet = false }
        if !silent.isEmpty { chronicle.run(for: Self.wakingTime) }
        for producer in producers where producer.lastSuccess < chronicle.now + .seconds(-8) {
            chronicle.violate("nobody has been able to write to \(producer.partition) again")
        }
        for transactor in transactors where transactor.lastSuccess < chronicle.now + .seconds(-8) {
            chronicle.violate("nobody has been able to end a transaction of \(transactor.partition) again")
        }
        for producer in producers { producer.isQuiet = true }
        for transactor in transactors { transactor.isQuiet = true }
        chronicle.run(for: .seconds(6))
    }

    func checkEnd() throws {
        let ledger = try readLedger()
        for topic in Self.movingTopics {
            if oracle.homes[topic]?.region != west.name { chronicle.violate("the home of \(topic) is not in the west") }
            for index in 0..<(topic == Self.movingTopic ? 2 : 1) {
                try check(TopicPartition(topic: topic, partition: Int32(index)))
            }
        }
        try checkPassing(TopicPartition(topic: Self.passingTopic, partition: 0), ledger)
        for region in regions {
            try oracle.quarantine.checkEnd(of: region) { log(of: $0, in: region)?.log }
        }
        for entry in ledger where Self.movingTopics.contains(entry.partition.topic) {
            chronicle.violate("a gap is found where nothing was lost: \(entry.partition): \(entry.cause)")
        }
        for committer in committers where committer.committedCount == 0 {
            chronicle.violate("\(committer.group) has never been able to commit")
        }
    }

    /// The mirror has what the home has, also when nobody has written for a while.
    private func checkIsInStep(_ partition: TopicPartition) {
        let leaders = regions.map { region in
            region.world.tree.image.partition(partition)?.leader.flatMap {
                region.world[$0].kernel?.partitions[partition]
            }
        }
        // The link may wait for an operator, or the mirror be made anew.
        guard let home = leaders[0], let mirror = leaders[1], home.topicID == mirror.topicID else { return }
        chronicle.count("partitions in step with nothing more to copy")
        // A log that was begun anew, and holds nothing, is no loss: it is begun again with the next record.
        if max(mirror.log.logEndOffset, home.log.logStartOffset) < home.log.highWatermark {
            chronicle.violate(
                "\(partition) ends at \(home.log.logEndOffset) in the west, and at \(mirror.log.logEndOffset) in the east, "
                    + "with nothing more to copy")
        }
    }

    // MARK: - Topics that move

    private func check(_ partition: TopicPartition) throws {
        guard let home = log(of: partition, in: west), let mirror = log(of: partition, in: east) else { return }
        if home.topicID != mirror.topicID { chronicle.violate("\(partition) has another topic id in the east") }
        let batches = try home.log.batches(home.log.logStartOffset..<home.log.logEndOffset)
        let mirrored = try mirror.log.batches(mirror.log.logStartOffset..<mirror.log.logEndOffset)
        if batches.map(\.digest) != mirrored.map(\.digest) || home.log.logEndOffset != mirror.log.logEndOffset {
            chronicle.violate(
                "\(partition) holds \(batches.count) batches to \(home.log.logEndOffset) in the west, and "
                    + "\(mirrored.count) to \(mirror.log.logEndOffset) in the east, or others")
        }
        for batch in batches { digest = (digest ^ UInt64(truncatingIfNeeded: batch.digest.sum)) &* 0x100_0000_01b3 }
        let records = try values(of: home.log)
        let counts = Dictionary(grouping: records.values) { $0 }.mapValues(\.count)
        let sentTwice = Set(producers.filter { $0.partition == partition }.flatMap(\.sentTwice))
        for (value, count) in counts.sorted(by: { $0.key < $1.key }) where count > 1 && !sentTwice.contains(value) {
            chronicle.violate("\(partition) holds \(value) \(count) times")
        }
        var quarantined: [String: [Offset: Set<String>]] = [:]
        for region in regions { quarantined[region.name] = try self.quarantined(partition, in: region) }
        checkAcknowledged(partition, records, quarantined)
        for transactor in transactors where transactor.partition == partition { try check(transactor, home.log) }
        try checkProducers(of: partition, home.log, mirror.log)
    }

    /// All that was acknowledged is there, or was lost with a home and is in quarantine.
    private func checkAcknowledged(
        _ partition: TopicPartition, _ records: [Offset: String], _ quarantined: [String: [Offset: Set<String>]]
    ) {
        for producer in producers where producer.partition == partition {
            for told in producer.acknowledged where records[told.offset] != told.value {
                let what = "\(told.value), acknowledged at \(told.offset) of \(partition) in the \(told.region),"
                guard let loss = losses[partition]?.first(where: { $0.region == told.region }) else {
                    chronicle.violate("\(what) is not there")
                    continue
                }
                if told.offset < loss.from {
                    chronicle.violate("\(what) is not there, though both regions had all before \(loss.from)")
                }
                if told.isInBoth { chronicle.violate("\(what) is lost, though the topic was synchronous") }
                if quarantined[told.region]?[told.offset]?.contains(told.value) != true {
                    chronicle.violate("\(what) is lost, and not in quarantine")
                }
            }
        }
    }

    /// What a region keeps apart of a partition, by the offsets where it stood.
    private func quarantined(_ partition: TopicPartition, in region: Region) throws -> [Offset: Set<String>] {
        var kept: [Offset: Set<String>] = [:]
        for topic in region.world.tree.image.topics.keys.sorted()
        where topic.hasPrefix("mirror-quarantine.\(partition.topic).") {
            guard let quarantine = log(of: TopicPartition(topic: topic, partition: 0), in: region) else { continue }
            for record in try self.records(of: quarantine.log) {
                let headers = Dictionary(
                    record.headers.map { ($0.name, $0.value.map { String(buffer: $0) } ?? "") }
                ) { $1 }
                guard headers[QuarantineRecords.partitionHeader] == "\(partition.partition)",
                    let offset = headers[QuarantineRecords.offsetHeader].flatMap({ Offset($0) })
                else { continue }
                kept[offset, default: []].insert(record.value.map { String(buffer: $0) } ?? "")
            }
        }
        return kept
    }

    // MARK: - The topic that passes

    /// The mirror has what its source has; and what its source had once is there, or was, or is in the ledger.
    private func checkPassing(_ partition: TopicPartition, _ ledger: [GapEntry]) throws {
        guard let source = log(of: partition, in: west), let mirror = log(of: partition, in: east) else { return }
        guard source.topicID == mirror.topicID else {
            let isKnown = ledger.contains { $0.partition == partition && $0.gap.kind == .recreated }
            if !isKnown || links[0].policy == .rewind {
                chronicle.violate("\(partition) was made anew, and its mirror has stayed what it was")
            }
            return
        }
        let place = RegionsOracle.Place(topicID: source.topicID, topic: partition.topic, partition: partition.partition)
        guard let line = oracle.lines[place] else { return }
        let (start, mirrorStart) = (source.log.logStartOffset, mirror.log.logStartOffset)
        if start < line.deletedEnd[west.name] ?? 0 {
            chronicle.violate("\(partition) begins at \(start) in the west, where more was deleted from all replicas")
        }
        // The mirror has followed a deletion that the leaders after it do not know of.
        let isUndone = start < mirrorStart && mirrorStart <= line.furthestStart[west.name] ?? 0
        if isUndone { chronicle.count("deletions that were mirrored and undone at the source") }
        if start != mirrorStart && !isUndone || source.log.logEndOffset != mirror.log.logEndOffset {
            chronicle.violate(
                "\(partition) is \(start)..<\(source.log.logEndOffset) in the west, and "
                    + "\(mirrorStart)..<\(mirror.log.logEndOffset) in the east")
        }
        let gaps = ledger.filter { $0.partition == partition && $0.gap.kind == .overtaken }.map(\.gap.offsets)
        for (base, batch) in line.batches.sorted(by: { $0.key < $1.key }) {
            if line.heldBy[east.name]?.contains(base) ?? false { continue }
            // A new mirror topic begins where its source does, and lacks nothing by that.
            if base < line.firstStart[east.name] ?? 0 { continue }
            // Of a batch that was deleted in part, the rest could be copied.
            chronicle.count("batches deleted before they were mirrored")
            guard gaps.contains(where: { $0.overlaps(base..<batch.next) }) else {
                chronicle.violate(
                    "[\(base), \(batch.next)) of \(partition) was never in the east, and is not in the ledger")
                continue
            }
        }
    }

    private func readLedger() throws -> [GapEntry] {
        var entries: [GapEntry] = []
        for link in links {
            let topic = GapEntry.topic(source: link.source.name, target: link.target.name)
            guard let ledger = log(of: TopicPartition(topic: topic, partition: 0), in: link.target) else { continue }
            for record in try records(of: ledger.log) {
                guard let key = record.key, let value = record.value else { continue }
                entries.append(try GapEntry(key: key, value: value))
            }
        }
        return entries
    }

    // MARK: - Logs

    /// What the leader has; the others have the same.
    private func log(of partition: TopicPartition, in region: Region) -> Partition? {
        guard let image = region.world.tree.image.partition(partition), let leader = image.leader else {
            chronicle.violate("\(region.name) has no \(partition), or nobody leads it")
            return nil
        }
        if Set(image.isr) != Set(image.replicas) {
            chronicle.violate("\(region.name)'s \(partition) has in sync \(image.isr) though all is mended")
        }
        guard let found = region.world[leader].kernel?.partitions[partition] else {
            chronicle.violate("\(region.name)'s broker \(leader) does not have \(partition)")
            return nil
        }
        for replica in image.replicas {
            guard let log = region.world[replica].kernel?.partitions[partition]?.log else {
                chronicle.violate("\(region.name)'s broker \(replica) does not have \(partition)")
                continue
            }
            if log.logEndOffset != found.log.logEndOffset || log.highWatermark != log.logEndOffset {
                chronicle.violate(
                    "\(region.name)'s \(partition) of broker \(replica) is committed to \(log.highWatermark) of "
                        + "\(log.logEndOffset), and its leader has \(found.log.logEndOffset)")
            }
        }
        return found
    }

    private func records(of log: PartitionLog) throws -> [Record] {
        var found: [Record] = []
        var batches = RecordBatches(try log.bytes(log.logStartOffset..<log.logEndOffset))
        while let batch = try batches.next() {
            try batch.checkCRC()
            if batch.header.attributes.isControl { continue }
            var records = try RecordIterator(batch)
            while let record = try records.next() { found.append(record) }
        }
        return found
    }

    private func values(of log: PartitionLog) throws -> [Offset: String] {
        Dictionary(
            uniqueKeysWithValues: try records(of: log).map { record in
                (record.offset, record.value.map { String(buffer: $0) } ?? "")
            })
    }
}
