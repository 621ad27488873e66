import ClusterModel
import KafkaProtocol
import KafkaProtocolClusters
import NIOCore
import WireCoding

/// Appends whole batches to mirror topics at their own offsets, without looking into them.
package struct RawMirrorAppend: Sendable {
    /// What one partition is to take.
    package struct Part: Sendable {
        package var topicID: KafkaUUID
        package var partition: Int32
        package var homeEpoch: Int32
        /// Where the log has to end.
        package var expectedEnd: Offset
        /// Where the log begins at the source.
        package var logStart: Offset
        /// nil only tells the log start.
        package var records: ByteBuffer?

        package init(
            topicID: KafkaUUID, partition: Int32, homeEpoch: Int32, expectedEnd: Offset, logStart: Offset,
            records: ByteBuffer?
        ) {
            self.topicID = topicID
            self.partition = partition
            self.homeEpoch = homeEpoch
            self.expectedEnd = expectedEnd
            self.logStart = logStart
            self.records = records
        }
    }

    /// What became of it.
    package struct Answer: Sendable {
        package var topicID: KafkaUUID
        package var partition: Int32
        package var error: ErrorCode
        package var message: String?
        /// The log afterwards, also when nothing was taken; -1 when the broker does not lead the partition.
        package var logStart: Offset
        package var end: Offset
        package var highWatermark: Offset
    }

    /// `source->target`.
    package var link: String
    /// How long the leader may wait for the others.
    package var timeout: Duration = .seconds(30)

    package init(link: String) { self.link = link }

    /// Sends `parts`, each partition at most once, to the broker that leads them all, and does not wait: requests of
    /// one thread arrive in order. `complete` is called once, mostly on the connection's event loop.
    package func callAsFunction(
        _ parts: [Part], on connection: BrokerConnection,
        then complete: @escaping @Sendable (Result<[Answer], ClientFault>) -> Void
    ) {
        connection.send(request(parts), timeout: timeout + .seconds(5)) { complete($0.map(Self.answers)) }
    }

    func request(_ parts: [Part]) -> MirrorAppendRequest {
        var request = MirrorAppendRequest()
        request.linkName = link
        request.timeoutMs = Int32(clamping: Int64(timeout / .milliseconds(1)))
        for part in parts {
            if request.topics.last?.topicId != part.topicID {
                var topic = MirrorAppendRequest.MirroredTopic()
                topic.topicId = part.topicID
                request.topics.append(topic)
            }
            var entry = MirrorAppendRequest.MirroredPartition()
            entry.index = part.partition
            entry.homeEpoch = part.homeEpoch
            entry.expectedEndOffset = part.expectedEnd
            entry.logStartOffset = part.logStart
            entry.records = part.records.map { .inMemory($0) }
            request.topics[request.topics.count - 1].partitions.append(entry)
        }
        return request
    }

    private static func answers(_ response: MirrorAppendResponse) -> [Answer] {
        response.topics.flatMap { topic in
            topic.partitions.map { told in
                Answer(
                    topicID: topic.topicId, partition: told.index, error: ErrorCode(rawValue: told.errorCode),
                    message: told.errorMessage, logStart: told.logStartOffset, end: told.logEndOffset,
                    highWatermark: told.highWatermark)
            }
        }
    }
}
