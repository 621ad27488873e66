import ClusterModel
import Controller
import KafkaProtocol
import KafkaProtocolClusters
import KafkaProtocolTransactions
import Logging
import Records
import WireCoding

/// Mirror topics, and the proof that they are what their sources are; Martlet's brokers only.
extension Administrator {
    private static let pauseForOthers = Duration.milliseconds(50)

    /// One change of one topic. What an action has no use for stays as it is here.
    package struct MirrorChange: Sendable {
        package var topic: String
        package var action: MirrorAction
        package var homeEpoch: Int32
        package var topicID = KafkaUUID.zero
        /// Of the other cluster.
        package var sourceClusterID = ""
        package var partitionCount: Int32 = 0
        /// nil leaves it to the cluster.
        package var replicationFactor: Int16?
        /// nil takes a setting back to the default.
        package var settings: [String: String?] = [:]
        package var cuts: [Int32: Offset] = [:]
        /// Whether a promotion begins because the source is lost, and not when all that it had has come.
        package var isSourceLost = false

        package init(_ action: MirrorAction, _ topic: String, homeEpoch: Int32) {
            self.action = action
            self.topic = topic
            self.homeEpoch = homeEpoch
        }
    }

    /// A partition as its leader sees it.
    package struct DescribedPartition: Sendable {
        package var topicID: KafkaUUID
        /// Empty for a topic that never moved.
        package var link: String
        package var sourceClusterID: String
        package var state: MirrorStanding.State
        package var homeEpoch: Int32
        package var leaderEpoch: LeaderEpoch
        package var logStart: Offset
        package var lastStableOffset: Offset
        package var highWatermark: Offset
        package var end: Offset
        /// In milliseconds since 1970; -1 for none.
        package var maxTimestamp: Int64
        package var sizeInBytes: Int64
        /// Where it was cut when its home last moved; -1 for nowhere.
        package var cutOffset: Offset
        package var synchrony: Synchrony
        /// Up to where the link of a synchronous topic has confirmed; -1 for none.
        package var confirmedOffset: Offset
        /// For how long clients may write yet, where a link has to renew that; zero while they may not. nil without such a
        /// lease.
        package var lease: Duration?
        /// Whether nothing but what the leader has can ever be committed at its offsets, whoever leads next.
        package var isSettled: Bool
        package var openTransactions: [OpenTransaction]
    }

    package struct OpenTransaction: Sendable, Equatable {
        package var producer: ProducerID
        package var producerEpoch: Int16
        package var coordinatorEpoch: Int32
        package var first: Offset
    }

    /// Changes topics at the cluster's controller. Each change is idempotent, so what was done already counts as done.
    /// - Parameter deadline: until when the cluster is asked again for what it could not do in time, for its coordinator may
    ///   be changing; nil asks once.
    /// - Returns: per topic its home epoch afterwards, or why it was refused.
    package func alterMirrors(
        _ changes: [MirrorChange], link: String, validatesOnly: Bool = false,
        until deadline: ContinuousClock.Instant? = nil
    ) async throws -> [String: Result<Int32, ClientFault>] {
        var results: [String: Result<Int32, ClientFault>] = [:]
        var rest = changes
        while true {
            for (topic, result) in try await alterMirrorsOnce(rest, link, validatesOnly) { results[topic] = result }
            rest = rest.filter { change in
                guard case .failure(let fault) = results[change.topic] else { return false }
                return fault.code == .requestTimedOut
            }
            guard !rest.isEmpty, let deadline, ContinuousClock.now < deadline else { return results }
            try await Task.sleep(for: Self.pauseForOthers)
        }
    }

    private func alterMirrorsOnce(
        _ changes: [MirrorChange], _ link: String, _ validatesOnly: Bool
    ) async throws -> [String: Result<Int32, ClientFault>] {
        var request = MirrorAlterRequest()
        request.timeoutMs = Self.timeoutInMilliseconds
        request.validateOnly = validatesOnly
        request.topics = changes.map { MirrorAlterRequest.AlteredTopic($0, link: link) }
        return try await client.retrying { [request] in
            var results: [String: Result<Int32, ClientFault>] = [:]
            for told in try await client.send(request, to: .controller, timeout: .seconds(60)).topics {
                do throws(ClientFault) {
                    try ClientFault.check(told.errorCode, "topic \(told.name)", told.errorMessage)
                    results[told.name] = .success(told.homeEpoch)
                } catch {
                    // Whoever is controller no more says so of each topic; the next one is asked then.
                    if error.code == .notController { throw error }
                    results[told.name] = .failure(error)
                }
            }
            return results
        }
    }

    /// Asks the leaders how they see partitions. Those that have none, or whose leader tells an error or is not reached,
    /// are absent.
    /// - Parameter deadline: until when these are asked for again, for a leader may be changing; nil asks once.
    package func describeMirrors(
        _ partitions: [TopicPartition], until deadline: ContinuousClock.Instant? = nil
    ) async throws -> [TopicPartition: DescribedPartition] {
        try await askLeaders(of: partitions, until: deadline, describe)
    }

    /// Offsets of those of partitions that have a leader which answers; the others are absent.
    /// - Parameter deadline: until when these are asked for again, for a leader may be changing; nil asks once.
    package func offsets(
        _ question: OffsetQuestion, ofThoseLedOf partitions: [TopicPartition],
        until deadline: ContinuousClock.Instant? = nil
    ) async throws -> [TopicPartition: FoundOffset] {
        try await askLeaders(of: partitions, until: deadline) { partitions, leader in
            let answer = try await client.send(
                Self.listOffsets(question, partitions, readsCommitted: false), to: .broker(leader))
            return answer.topics.flatMap { topic in
                topic.partitions.filter { $0.errorCode == 0 }.map { entry in
                    (TopicPartition(topic: topic.name, partition: entry.partitionIndex), FoundOffset(entry))
                }
            }
        }
    }

    /// What leaders tell of those partitions of which they tell anything.
    private func askLeaders<Told>(
        of partitions: [TopicPartition], until deadline: ContinuousClock.Instant?,
        _ ask: ([TopicPartition], BrokerID) async throws -> [(TopicPartition, Told)]
    ) async throws -> [TopicPartition: Told] {
        var found: [TopicPartition: Told] = [:]
        while true {
            for (leader, partitions) in try await byLeader(partitions.filter { found[$0] == nil }).led {
                do {
                    for (partition, told) in try await ask(partitions, leader) { found[partition] = told }
                } catch let fault as ClientFault where fault.isRetriable {
                    client.logger.debug("broker \(leader) does not tell of what it leads: \(fault)")
                }
            }
            guard found.count < partitions.count, let deadline, ContinuousClock.now < deadline else { return found }
            try await Task.sleep(for: Self.pauseForOthers)
        }
    }

    private func describe(
        _ partitions: [TopicPartition], at leader: BrokerID
    ) async throws -> [(TopicPartition, DescribedPartition)] {
        var request = MirrorDescribeRequest()
        for partition in partitions {
            if request.topics.last?.name != partition.topic {
                var topic = MirrorDescribeRequest.DescribedTopic()
                topic.name = partition.topic
                request.topics.append(topic)
            }
            request.topics[request.topics.count - 1].partitions.append(partition.partition)
        }
        return try await client.send(request, to: .broker(leader)).topics.flatMap { topic in
            topic.partitions.filter { $0.errorCode == 0 }.map { told in
                (TopicPartition(topic: topic.name, partition: told.index), DescribedPartition(topic, told))
            }
        }
    }

    /// The digest of a partition's committed batches that begin in `range`, asked of its leader piece by piece.
    package func digest(of partition: TopicPartition, _ range: Range<Offset>) async throws -> RangeDigest {
        var digest = RangeDigest()
        var from = range.lowerBound
        while from < range.upperBound {
            var entry = LogDigestRequest.DigestedPartition()
            entry.index = partition.partition
            entry.from = from
            entry.to = range.upperBound
            var topic = LogDigestRequest.DigestedTopic()
            topic.name = partition.topic
            topic.partitions = [entry]
            var request = LogDigestRequest()
            request.topics = [topic]
            let told = try await client.retrying { [request] in
                let answer = try await client.send(request, to: .leader(partition))
                guard let told = answer.topics.first?.partitions.first else {
                    throw ClientFault(.malformed, "no answer for \(partition)")
                }
                try ClientFault.check(told.errorCode, "digest of \(partition)")
                return told
            }
            let sum = UInt128(UInt64(bitPattern: told.digestHigh)) << 64 | UInt128(UInt64(bitPattern: told.digestLow))
            digest =
                digest
                + RangeDigest(
                    batches: told.batches, records: told.records, bytes: told.bytes, sum: sum,
                    corruptBatches: told.corruptBatches)
            guard told.to > from else { throw ClientFault(.malformed, "the digest of \(partition) stays at \(from)") }
            from = told.to
        }
        return digest
    }

    /// Writes the aborts of open transactions of partitions that are being promoted. Their producers are fenced by it.
    package func abort(_ transactions: [TopicPartition: [OpenTransaction]]) async throws {
        try await client.retrying { try await abortOnce(transactions) }
    }

    private func abortOnce(_ transactions: [TopicPartition: [OpenTransaction]]) async throws {
        for (leader, partitions) in try await byEveryLeader(transactions.keys.sorted()) {
            var request = WriteTxnMarkersRequest()
            for partition in partitions {
                for open in transactions[partition] ?? [] {
                    var topic = WriteTxnMarkersRequest.WritableTxnMarkerTopic()
                    topic.name = partition.topic
                    topic.partitionIndexes = [partition.partition]
                    var marker = WriteTxnMarkersRequest.WritableTxnMarker()
                    marker.producerId = open.producer
                    // One above fences whoever still writes (KIP-360).
                    marker.producerEpoch = open.producerEpoch == .max ? .max : open.producerEpoch + 1
                    marker.transactionResult = false
                    marker.coordinatorEpoch = max(0, open.coordinatorEpoch)
                    marker.topics = [topic]
                    request.markers.append(marker)
                }
            }
            for marker in try await client.send(request, to: .broker(leader)).markers {
                for topic in marker.topics {
                    for told in topic.partitions {
                        try ClientFault.check(
                            told.errorCode,
                            "transaction of producer \(marker.producerId) in \(topic.name)-\(told.partitionIndex)")
                    }
                }
            }
        }
    }

    /// Where leader epochs end in partitions' logs (KIP-101); `epochs` gives for each the epoch in question, and the
    /// one it is led under. An epoch that its leader does not know is absent.
    package func ends(
        of epochs: [TopicPartition: (epoch: LeaderEpoch, current: LeaderEpoch)]
    ) async throws -> [TopicPartition: Offset] {
        var found: [TopicPartition: Offset] = [:]
        for (leader, partitions) in try await byEveryLeader(epochs.keys.sorted()) {
            var request = OffsetForLeaderEpochRequest()
            // Not as a consumer (-1), which is told what has to do with what it read at other homes of the topic.
            request.replicaId = -2
            for partition in partitions {
                guard let asked = epochs[partition] else { continue }
                if request.topics.last?.topic != partition.topic {
                    var topic = OffsetForLeaderEpochRequest.OffsetForLeaderTopic()
                    topic.topic = partition.topic
                    request.topics.append(topic)
                }
                var entry = OffsetForLeaderEpochRequest.OffsetForLeaderPartition()
                entry.partition = partition.partition
                entry.currentLeaderEpoch = asked.current
                entry.leaderEpoch = asked.epoch
                request.topics[request.topics.count - 1].partitions.append(entry)
            }
            for topic in try await client.send(request, to: .broker(leader)).topics {
                for told in topic.partitions {
                    let partition = TopicPartition(topic: topic.topic, partition: told.partition)
                    try ClientFault.check(told.errorCode, "epochs of \(partition)")
                    if told.endOffset >= 0 { found[partition] = told.endOffset }
                }
            }
        }
        return found
    }

    /// Partitions by who leads them now, both in order; and those that nobody leads.
    private func byLeader(
        _ partitions: [TopicPartition]
    ) async throws -> (led: [(leader: BrokerID, partitions: [TopicPartition])], leaderless: [TopicPartition]) {
        let metadata = try await client.refreshMetadata(topics: Set(partitions.map(\.topic)).sorted())
        var led: [BrokerID: [TopicPartition]] = [:]
        var leaderless: [TopicPartition] = []
        for partition in partitions.sorted() {
            if let leader = metadata.leader(of: partition) {
                led[leader, default: []].append(partition)
            } else {
                leaderless.append(partition)
            }
        }
        return (led.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }, leaderless)
    }

    /// The same where every partition has to have a leader. Throws LEADER_NOT_AVAILABLE.
    private func byEveryLeader(
        _ partitions: [TopicPartition]
    ) async throws -> [(leader: BrokerID, partitions: [TopicPartition])] {
        let (led, leaderless) = try await byLeader(partitions)
        if let partition = leaderless.first { throw ClientFault.refused(.leaderNotAvailable, "\(partition)") }
        return led
    }
}

extension MirrorAlterRequest.AlteredTopic {
    fileprivate init(_ change: Administrator.MirrorChange, link: String) {
        self.init()
        name = change.topic
        topicId = change.topicID
        action = change.action.rawValue
        linkName = link
        sourceClusterId = change.sourceClusterID
        homeEpoch = change.homeEpoch
        isSourceLost = change.isSourceLost
        partitionCount = change.partitionCount
        replicationFactor = change.replicationFactor ?? -1
        configs = change.settings.sorted { $0.key < $1.key }.map { name, value in
            var config = MirrorAlterRequest.TopicConfig()
            config.name = name
            config.value = value
            return config
        }
        cuts = change.cuts.sorted { $0.key < $1.key }.map { index, offset in
            var cut = MirrorAlterRequest.PartitionCut()
            cut.index = index
            cut.offset = offset
            return cut
        }
    }
}

extension Administrator.DescribedPartition {
    fileprivate init(
        _ topic: MirrorDescribeResponse.DescribedTopicResult, _ told: MirrorDescribeResponse.DescribedPartitionResult
    ) {
        topicID = topic.topicId
        link = topic.linkName
        sourceClusterID = topic.sourceClusterId
        // A state that is not known here is one in which nothing is to be done.
        state = MirrorStanding.State(rawValue: told.state) ?? .fenced
        homeEpoch = told.homeEpoch
        leaderEpoch = told.leaderEpoch
        logStart = told.logStartOffset
        lastStableOffset = told.lastStableOffset
        highWatermark = told.highWatermark
        end = told.logEndOffset
        maxTimestamp = told.maxTimestamp
        sizeInBytes = told.sizeInBytes
        cutOffset = told.cutOffset
        synchrony = Synchrony(rawValue: told.synchrony) ?? .asynchronous
        confirmedOffset = told.confirmedOffset
        lease = told.leaseMs < 0 ? nil : .milliseconds(told.leaseMs)
        isSettled = told.isSettled
        openTransactions = told.openTransactions.map {
            Administrator.OpenTransaction(
                producer: $0.producerId, producerEpoch: $0.producerEpoch, coordinatorEpoch: $0.coordinatorEpoch,
                first: $0.firstOffset)
        }
    }
}
