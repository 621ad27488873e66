import KafkaProtocol
import NIOCore
import Seams

/// Producers that others have taken over and that do not know it (KIP-98): once a batch of a later epoch is
/// acknowledged, no leader may take one of theirs.
extension ClusterRun {
    func sendLate(_ producer: ClusterProducer) {
        fencedProducers.append(FencedProducer(client: 300 + fencedProducers.count, producer: producer))
        sendAgain(fencedProducers.count - 1)
    }

    private func sendAgain(_ place: Int) {
        let fenced = fencedProducers[place]
        guard fenced.attempts < 5, !isQuiet else { return }
        fencedProducers[place].attempts += 1
        fencedProducers[place].awaited = send(
            fenced.producer.request(at: world.now), version: 9, from: fenced.client,
            to: target(fenced.producer.topic.partition(fenced.producer.partition)))
    }

    func takeRefusal(_ reply: ByteBuffer?, _ place: Int) throws {
        fencedProducers[place].awaited = nil
        if let reply {
            let response: ProduceResponse = try body(reply, headerVersion: 1, 9)
            let told = response.responses.first?.partitionResponses.first.map { ErrorCode(rawValue: $0.errorCode) }
            let producer = fencedProducers[place].producer
            if told == ErrorCode.none {
                world.violate(
                    "\(producer.batch) of client \(producer.client) is taken in epoch \(producer.epoch), after it was "
                        + "taken over")
            }
            if told == .invalidProducerEpoch { return }
        }
        world.after(world.milliseconds(50...400)) { [unowned self] in sendAgain(place) }
    }
}
