import ClusterModel
import Controller
import KafkaProtocol
import KafkaProtocolClusters
import NIOCore
import Seams
import SegmentedLog
import WireCoding

extension BrokerKernel {
    private typealias Told = MirrorAppendResponse.MirroredPartitionResult

    /// Appends a link's batches at the offsets that they have in its source, and answers as a produce request with
    /// acks=all is answered.
    mutating func mirrorAppend(_ request: Request, _ body: MirrorAppendRequest) {
        var response = MirrorAppendResponse()
        response.topics.reserveCapacity(body.topics.count)
        var waits: [UncommittedAppend] = []
        let isPermitted = permitsOnCluster(request, .clusterAction)
        for topic in body.topics {
            var toldTopic = MirrorAppendResponse.MirroredTopicResult()
            toldTopic.topicId = topic.topicId
            for data in topic.partitions {
                var told = Told()
                told.index = data.index
                do throws(MirrorRefusal) {
                    guard isPermitted else { throw .unauthorized }
                    let partition = try mirrored(topic.topicId, data.index)
                    told.tellOffsets(of: partition.log)
                    try take(data, ofLink: body.linkName, for: partition)
                    told.tellOffsets(of: partition.log)
                    if data.records != nil, partition.log.highWatermark < partition.log.logEndOffset {
                        let place = AppendPlace(topic: response.topics.count, partition: toldTopic.partitions.count)
                        waits.append(
                            UncommittedAppend(place: place, partition: partition, end: partition.log.logEndOffset))
                    }
                } catch {
                    told.errorCode = error.error.rawValue
                    told.errorMessage = error.message
                }
                toldTopic.partitions.append(told)
            }
            response.topics.append(toldTopic)
        }
        answerWhenCommitted(request, .mirror(response), timeoutInMilliseconds: body.timeoutMs, waits)
    }

    /// The partition that a mirror speaks of, which this broker leads in that epoch (-1: any).
    func mirrored(
        _ topicID: KafkaUUID, _ index: Int32, leaderEpoch: LeaderEpoch = -1
    ) throws(MirrorRefusal) -> Partition {
        guard let topic = image.topicName(of: topicID) else { throw MirrorRefusal(.unknownTopicId) }
        switch led(TopicPartition(topic: topic, partition: index), leaderEpoch: leaderEpoch) {
        case .failure(let error): throw MirrorRefusal(error)
        case .success(let partition):
            guard partition.topicID == topicID else { throw MirrorRefusal(.unknownTopicId) }
            return partition
        }
    }

    private mutating func take(
        _ data: MirrorAppendRequest.MirroredPartition, ofLink link: String, for partition: Partition
    ) throws(MirrorRefusal) {
        try check(data, ofLink: link, for: partition)
        if data.logStartOffset > partition.log.logEndOffset, partition.log.isEmpty {
            try begin(partition, at: data.logStartOffset)
        }
        if let records = data.records { try append(records, to: partition) }
        partition.sourceLogStart = data.logStartOffset
        followSourceLogStart(partition)
    }

    private func check(
        _ data: MirrorAppendRequest.MirroredPartition, ofLink link: String, for partition: Partition
    ) throws(MirrorRefusal) {
        let standing = partition.standing
        guard standing.state == .mirroring, standing.link == link else {
            throw MirrorRefusal(.invalidRequest, standing.objection(toLink: link, topic: partition.name.topic))
        }
        guard data.homeEpoch == standing.homeEpoch else {
            throw MirrorRefusal(
                .fencedLeaderEpoch, "the home epoch of \(partition.name.topic) is \(standing.homeEpoch) here")
        }
        let end = partition.log.logEndOffset
        guard data.expectedEndOffset == end else {
            throw MirrorRefusal(.offsetOutOfRange, "\(partition.name) ends at \(end), not at \(data.expectedEndOffset)")
        }
        guard data.logStartOffset <= end || partition.log.isEmpty else {
            throw MirrorRefusal(
                .offsetOutOfRange,
                "\(partition.name) ends at \(end), before its source begins at \(data.logStartOffset): what is here "
                    + "must be deleted first, by an append without records whose log start is \(end)")
        }
        if let leader = partition.leadership, leader.isUnderMinimum {
            throw MirrorRefusal(
                .notEnoughReplicas,
                "\(leader.term.inSync.count) in-sync replicas, and min.insync.replicas asks for "
                    + "\(leader.effectiveMinimumInSync)")
        }
    }

    /// Begins an empty log anew where its source begins.
    private mutating func begin(_ partition: Partition, at offset: Offset) throws(MirrorRefusal) {
        guard offset <= PartitionLog.largestOffset else {
            throw MirrorRefusal(.invalidRequest, "no log begins at \(offset)")
        }
        let begun: Void? = onLog { [now] () throws(LogFailure) in
            try partition.log.truncateFully(startingAt: offset, at: now)
        }
        guard begun != nil else { throw MirrorRefusal(.kafkaStorageError) }
        partition.log.beginLeaderEpoch(partition.leaderEpoch)
        parkedFetches.note(partition)
        upkeep.note(partition)
        step(partition, .appended(end: offset))
    }

    private mutating func append(_ records: RecordBytes, to partition: Partition) throws(MirrorRefusal) {
        guard case .inMemory(let batches) = records, batches.readableBytes > 0 else {
            throw MirrorRefusal(.invalidRecord, "the request holds no record batch for partition \(partition.name)")
        }
        try checkRoom(for: batches.readableBytes, in: partition.log)
        switch appendKeepingOffsets(batches, leaderEpoch: partition.leaderEpoch, to: partition) {
        case nil: throw MirrorRefusal(.kafkaStorageError)
        case .refused(let refusal):
            throw MirrorRefusal(ErrorCode(rawValue: refusal.errorCode), refusal.description)
        case .appended, .duplicate:
            parkedFetches.note(partition)
            step(partition, .appended(end: partition.log.logEndOffset))
        }
    }

    /// A link waits until there is room: what it brings is not lost meanwhile, and the broker's other topics go on.
    private func checkRoom(for bytes: Int, in log: PartitionLog) throws(MirrorRefusal) {
        let room: DiskRoom?
        do throws(FileSystemError) {
            room = try log.room()
        } catch {
            throw MirrorRefusal(.kafkaStorageError, "\(error)")
        }
        guard let room, room.usableBytes - Int64(bytes) < room.reserveBytes else { return }
        throw MirrorRefusal(
            .kafkaStorageError,
            "broker \(settings.brokerID.value) has \(room.usableBytes) of \(room.totalBytes) bytes free at \(log.directory), "
                + "of which it keeps \(room.reserveBytes): make room there")
    }

    /// Deletes what the source of a mirror topic has deleted, as far as it is committed here.
    mutating func followSourceLogStart(_ partition: Partition) {
        let start = min(partition.sourceLogStart, partition.log.highWatermark)
        guard partition.standing.state == .mirroring, start > partition.log.logStartOffset else { return }
        _ = onLog { () throws(LogFailure) in try partition.log.raiseLogStart(to: start) }
        parkedFetches.note(partition)
        upkeep.note(partition)
    }
}

extension MirrorStanding {
    /// Why batches of a link are not taken.
    fileprivate func objection(toLink name: String, topic: String) -> String {
        switch state {
        case .ordinary: "\(topic) is no mirror topic: its home is this cluster (home epoch \(homeEpoch))"
        case .mirroring: "\(topic) is a mirror topic of link \(link), not of \(name)"
        case .promoting: "\(topic) is being promoted (home epoch \(homeEpoch))"
        case .fenced: "\(topic) was fenced by link \(link) and does not mirror anything (home epoch \(homeEpoch))"
        }
    }
}

extension MirrorAppendResponse.MirroredPartitionResult {
    mutating func tellOffsets(of log: PartitionLog) {
        logStartOffset = log.logStartOffset
        logEndOffset = log.logEndOffset
        highWatermark = log.highWatermark
    }
}
