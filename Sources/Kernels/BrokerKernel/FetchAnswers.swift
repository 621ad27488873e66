import ClusterModel
import KafkaProtocol
import NIOCore

/// What is told of what a fetch found.
extension BrokerKernel {
    func response(
        to plan: FetchPlan, _ interests: [FetchInterest], _ findings: [FetchFinding]
    ) -> FetchResponse {
        var response = FetchResponse()
        response.sessionId = plan.sessionID
        // Some clients keep only the last of several entries of a topic.
        var places: [FetchKey: Int] = [:]
        for (interest, finding) in zip(interests, findings) {
            if finding.awaitsImage || plan.isIncremental && !isNews(finding, for: interest) { continue }
            var topic = interest.key
            topic.partition = 0
            let place = places[topic, default: response.responses.count]
            if place == response.responses.count {
                var told = FetchResponse.FetchableTopicResponse()
                told.topic = topic.topic
                told.topicId = topic.topicID
                response.responses.append(told)
                places[topic] = place
            }
            response.responses[place].partitions.append(told(finding, for: interest, plan))
        }
        return response
    }

    /// Whether what was found cannot wait for records.
    func mustTellAtOnce(_ finding: FetchFinding, for interest: FetchInterest, _ plan: FetchPlan) -> Bool {
        if finding.awaitsImage { return false }
        if finding.error != .none || finding.divergence != nil || finding.preferredReplica != nil { return true }
        guard plan.replica != nil, plan.isIncremental else { return false }
        // Somebody may wait until records are deleted everywhere; and where consumers read from followers, what is
        // committed is theirs at once and not with the next records.
        return finding.logStartOffset != interest.toldLogStartOffset
            || settings.sendsConsumersToTheirRack && finding.highWatermark != interest.toldHighWatermark
    }

    private func isNews(_ finding: FetchFinding, for interest: FetchInterest) -> Bool {
        finding.byteCount > 0 || finding.error != .none || finding.divergence != nil
            || finding.preferredReplica != nil
            || finding.highWatermark != interest.toldHighWatermark
            || finding.logStartOffset != interest.toldLogStartOffset
    }

    private func told(
        _ finding: FetchFinding, for interest: FetchInterest, _ plan: FetchPlan
    ) -> FetchResponse.PartitionData {
        var told = FetchResponse.PartitionData()
        told.partitionIndex = interest.key.partition
        told.errorCode = finding.error.rawValue
        told.highWatermark = finding.highWatermark
        told.lastStableOffset = finding.lastStableOffset
        told.logStartOffset = finding.logStartOffset
        if let replica = finding.preferredReplica { told.preferredReadReplica = replica.value }
        if let divergence = finding.divergence {
            told.divergingEpoch.epoch = divergence.epoch
            told.divergingEpoch.endOffset = divergence.endOffset
        }
        if let converted = finding.converted {
            told.records = .inMemory(converted)
        } else {
            told.records = finding.slice?.range.map { .inFile($0) } ?? .inMemory(ByteBuffer())
        }
        if plan.readsCommittedOnly {
            told.abortedTransactions = (finding.slice?.abortedTransactions ?? []).map { aborted in
                var one = FetchResponse.AbortedTransaction()
                one.producerId = aborted.producerID
                one.firstOffset = aborted.firstOffset
                return one
            }
        }
        return told
    }

    /// Notes in the session what was found, and told. An error is told again until it ends, and so are records until
    /// the client asks for those behind them.
    mutating func settle(
        _ session: Int32, _ interests: [FetchInterest], _ findings: [FetchFinding], areTold: Bool
    ) {
        var quiet: [FetchKey] = []
        var served: Set<FetchKey> = []
        for (var interest, finding) in zip(interests, findings) {
            if areTold {
                interest.toldHighWatermark = finding.error == .none ? finding.highWatermark : -1
                interest.toldLogStartOffset = finding.logStartOffset
                if finding.byteCount > 0 { served.insert(interest.key) }
            }
            fetchSessions[session]?.replace(interest)
            if finding.isExhausted && !isNews(finding, for: interest), let partition = finding.partition {
                partition.quietSessions.insert(session)
                quiet.append(interest.key)
            }
        }
        fetchSessions[session]?.settle(quiet: quiet, behind: served)
    }
}
