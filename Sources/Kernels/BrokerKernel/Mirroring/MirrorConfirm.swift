import ClusterModel
import Controller
import KafkaProtocol
import KafkaProtocolClusters
import WireCoding

extension BrokerKernel {
    private typealias Told = MirrorConfirmResponse.ConfirmedPartitionResult

    /// Hears from a link how far its target has what this broker has committed, and answers those who wait for that; and
    /// whether its target has said that the home is here.
    mutating func mirrorConfirm(_ request: Request, _ body: MirrorConfirmRequest) {
        var response = MirrorConfirmResponse()
        response.brokerEpoch = ownEpoch
        response.moment = now.nanoseconds
        response.topics.reserveCapacity(body.topics.count)
        var recovered: [Partition] = []
        let isPermitted = permitsOnCluster(request, .clusterAction)
        for topic in body.topics {
            var toldTopic = MirrorConfirmResponse.ConfirmedTopicResult()
            toldTopic.topicId = topic.topicId
            for data in topic.partitions {
                var told = Told()
                told.index = data.index
                do throws(MirrorRefusal) {
                    guard isPermitted else { throw .unauthorized }
                    let partition = try mirrored(topic.topicId, data.index, leaderEpoch: data.leaderEpoch)
                    if try confirm(data, ofLink: body.linkName, for: partition) { recovered.append(partition) }
                    if topic.isHomeAffirmed { renewLease(of: partition, body) }
                    told.synchrony = partition.synchrony.rawValue
                } catch {
                    told.errorCode = error.error.rawValue
                    told.errorMessage = error.message
                }
                toldTopic.partitions.append(told)
            }
            response.topics.append(toldTopic)
        }
        reply(to: request) { response.write(to: &$0, version: request.version) }
        noteKeepingUp(recovered)
    }

    /// - Returns: whether the link keeps up again.
    private mutating func confirm(
        _ data: MirrorConfirmRequest.ConfirmedPartition, ofLink link: String, for partition: Partition
    ) throws(MirrorRefusal) -> Bool {
        let standing = partition.standing
        guard standing.state == .ordinary else {
            throw MirrorRefusal(.invalidRequest, "the home of \(partition.name.topic) is not here")
        }
        guard data.leaderEpoch >= 0 else {
            throw MirrorRefusal(.fencedLeaderEpoch, "what is confirmed was read in no leader epoch")
        }
        guard data.homeEpoch == standing.homeEpoch else {
            throw MirrorRefusal(
                .fencedLeaderEpoch, "the home epoch of \(partition.name.topic) is \(standing.homeEpoch) here")
        }
        // Its users may have ceased to want it.
        guard let wanted = partition.synchronousLink?.name else { return false }
        guard wanted == link else {
            throw MirrorRefusal(.invalidRequest, "\(partition.name.topic) waits for link \(wanted), not for \(link)")
        }
        guard data.confirmedOffset <= partition.log.logEndOffset else {
            throw MirrorRefusal(
                .offsetOutOfRange,
                "\(partition.name) ends at \(partition.log.logEndOffset), before \(data.confirmedOffset)")
        }
        let keepsUpAgain = partition.synchronousLink?.confirm(
            data.confirmedOffset, highWatermark: partition.log.highWatermark, at: now)
        releaseWaiters(of: partition)
        schedule(partition)
        return keepsUpAgain ?? false
    }
}
