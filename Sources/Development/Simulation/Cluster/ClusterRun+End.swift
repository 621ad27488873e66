import BrokerKernel
import ClusterModel
import NIOCore
import Records
import Seams
import SegmentedLog
import WireCoding

/// What must hold at the end.
extension ClusterRun {
    func checkEnd() {
        for topic in topics {
            for partition in 0..<topic.partitionCount {
                do {
                    try check(topic, partition)
                } catch {
                    world.violate("\(topic.partition(partition)) cannot be read: \(error)")
                }
            }
        }
        for committer in committers where committer.known < 0 {
            world.violate("\(committer.group) has never been able to commit")
        }
        checkMembers()
    }

    private func check(_ topic: ClusterTopic, _ index: Int32) throws {
        let name = topic.partition(index)
        guard let image = world.tree.image.partition(name) else { return world.violate("\(name) is gone") }
        if Set(image.isr) != Set(image.replicas) || image.assignment.isMoving {
            world.violate("\(name) has in sync \(image.isr) of \(image.replicas) though all is mended")
        }
        var logs: [(broker: BrokerID, records: [Offset: ClientRecord])] = []
        var first: ByteBuffer?
        for broker in world.brokers {
            guard image.replicas.contains(broker.id) else {
                if broker.kernel?.partitions[name] != nil { world.violate("broker \(broker.id) still has \(name)") }
                continue
            }
            guard let partition = broker.kernel?.partitions[name] else {
                world.violate("broker \(broker.id) does not have \(name)")
                continue
            }
            let log = partition.log
            if log.highWatermark != log.logEndOffset {
                world.violate(
                    "\(name) of broker \(broker.id) is committed to \(log.highWatermark) of \(log.logEndOffset), "
                        + Self.standing(of: partition))
            }
            let bytes = try log.bytes(log.logStartOffset..<log.logEndOffset)
            if !topic.kind.isCompacted, let first, first != bytes {
                world.violate("\(name) of broker \(broker.id) has other bytes than that of others")
            }
            first = first ?? bytes
            logs.append((broker.id, Dictionary(uniqueKeysWithValues: try Self.records(bytes))))
        }
        for byte in first?.readableBytesView ?? [] as ByteBufferView {
            digest = (digest ^ UInt64(byte)) &* 0x100_0000_01b3
        }
        switch topic.kind {
        case .lossy: break
        case .compacted, .ofGroups: checkLatest(topic, index, logs)
        case .lasting, .lonely, .passing: if let log = logs.first { checkAll(topic, index, log.records) }
        }
    }

    /// All that was promised is there.
    private func checkAll(_ topic: ClusterTopic, _ index: Int32, _ records: [Offset: ClientRecord]) {
        let name = topic.partition(index)
        let history = topic.histories[Int(index)]
        for (offset, record) in history.acknowledged.sorted(by: { $0.key < $1.key }) where records[offset] != record {
            world.violate("\(name): \(record) was acknowledged at \(offset), where \(Self.text(records[offset])) is")
        }
        for (offset, record) in history.read.sorted(by: { $0.key < $1.key }) where records[offset] != record {
            world.violate("\(name): \(record) was read at \(offset), where \(Self.text(records[offset])) is")
        }
        let counts = Dictionary(grouping: records.values.compactMap(\.value)) { $0 }.mapValues(\.count)
        for producer in producers where producer.isIdempotent && producer.topic === topic && producer.partition == index
        {
            for number in 0..<producer.sentCount where counts["\(producer.client)-\(number)"] != 1 {
                let count = counts["\(producer.client)-\(number)"] ?? 0
                world.violate("\(name): \(producer.client)-\(number) stands there \(count) times")
            }
        }
        for value in topic.buried where counts[value] != nil {
            world.violate("\(name): \(value) is of an earlier topic of the name")
        }
    }

    /// The latest of each key is there, and nothing that was deleted; what is at an offset is the same everywhere.
    private func checkLatest(
        _ topic: ClusterTopic, _ index: Int32, _ logs: [(broker: BrokerID, records: [Offset: ClientRecord])]
    ) {
        let name = topic.partition(index)
        let history = topic.histories[Int(index)]
        var known: [Offset: ClientRecord] = [:]
        for records in [history.acknowledged, history.read] + logs.map(\.records) {
            for (offset, record) in records {
                if let other = known[offset], other != record {
                    world.violate("\(name): at \(offset) are \(other) and \(record)")
                }
                known[offset] = record
            }
        }
        var latest: [String: Offset] = [:]
        for (offset, record) in known where offset > latest[record.key ?? ""] ?? -1 {
            latest[record.key ?? ""] = offset
        }
        for (broker, records) in logs {
            var held: [String: Offset] = [:]
            for (offset, record) in records where offset > held[record.key ?? ""] ?? -1 {
                held[record.key ?? ""] = offset
            }
            let isLate = topic.latecomers.contains(ClusterTopic.Replica(broker: broker, partition: index))
            for (key, offset) in latest.sorted(by: { $0.key < $1.key }) where held[key] != offset {
                let isDeletion = known[offset]?.value == nil
                if isDeletion && (held[key] == nil || isLate) { continue }
                world.violate(
                    "\(name) of broker \(broker): the latest of \(key) is at \(offset): \(Self.text(known[offset])), and "
                        + "not \(Self.text(held[key].flatMap { records[$0] }))")
            }
        }
    }

    /// What a replica knows of itself.
    private static func standing(of partition: Partition) -> String {
        guard let leader = partition.leadership else {
            let followed = partition.followedLeader.map { "follows broker \($0)" } ?? "follows nobody"
            return "\(followed) in epoch \(partition.leaderEpoch)"
        }
        let followers = leader.term.replicas.compactMap { replica in
            leader.progress(of: replica).map { "broker \(replica) at \($0.position)" }
        }
        return "leads in epoch \(leader.term.epoch), with \(leader.term.inSync) in sync and "
            + followers.joined(separator: ", ")
    }

    private static func text(_ record: ClientRecord?) -> String { record?.description ?? "nothing" }

    static func records(_ bytes: ByteBuffer) throws -> [(Offset, ClientRecord)] {
        var found: [(Offset, ClientRecord)] = []
        var batches = RecordBatches(bytes)
        while let batch = try batches.next() {
            try batch.checkCRC()
            var records = try RecordIterator(batch)
            while let record = try records.next() {
                found.append(
                    (
                        record.offset,
                        ClientRecord(
                            key: record.key.map { String(buffer: $0) }, value: record.value.map { String(buffer: $0) })
                    ))
            }
        }
        return found
    }
}
