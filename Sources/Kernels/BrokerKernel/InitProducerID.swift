import ClusterModel
import Controller
import KafkaProtocol
import KafkaProtocolTransactions

/// The ids left of the block that this broker last took from the tree, and the requests that wait for a new block.
struct ProducerIDs {
    var available: Range<ProducerID> = 0..<0
    var waiting: [Request] = []
    var isAsking = false

    mutating func takeOne() -> ProducerID? {
        guard let id = available.first else { return nil }
        available = (id + 1)..<available.upperBound
        return id
    }
}

extension BrokerKernel {
    mutating func initProducerID(_ request: Request, _ body: InitProducerIdRequest) {
        if let id = body.transactionalId {
            guard permits(request, .write, .transactionalID, id) else {
                return answerInitProducerID(request, .failure(.transactionalIdAuthorizationFailed))
            }
        } else if !mayProduceIdempotently(request) {
            return answerInitProducerID(request, .failure(.clusterAuthorizationFailed))
        }
        guard body.transactionalId == nil else {
            return answerInitProducerID(request, .failure(.invalidRequest))
        }
        producerIDs.waiting.append(request)
        serveProducerIDs()
    }

    private mutating func serveProducerIDs() {
        while !producerIDs.waiting.isEmpty, let id = producerIDs.takeOne() {
            answerInitProducerID(producerIDs.waiting.removeFirst(), .success(id))
        }
        guard !producerIDs.waiting.isEmpty, !producerIDs.isAsking else { return }
        producerIDs.isAsking = true
        perform(.allocateProducerIDs)
    }

    mutating func receiveProducerIDs(_ block: Range<ProducerID>?) {
        producerIDs.isAsking = false
        if let block {
            producerIDs.available = block
            return serveProducerIDs()
        }
        let waiting = producerIDs.waiting
        producerIDs.waiting = []
        for request in waiting { answerInitProducerID(request, .failure(.coordinatorNotAvailable)) }
    }

    private mutating func answerInitProducerID(_ request: Request, _ outcome: Result<ProducerID, ErrorCode>) {
        var response = InitProducerIdResponse()
        switch outcome {
        case .success(let id):
            response.producerId = id
            response.producerEpoch = 0
        case .failure(let error):
            response.errorCode = error.rawValue
            response.producerId = -1
            response.producerEpoch = -1
        }
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }
}
