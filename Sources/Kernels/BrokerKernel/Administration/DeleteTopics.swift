import ClusterModel
import Controller
import KafkaProtocol
import KafkaProtocolAdmin
import Seams

extension BrokerKernel {
    /// Deletes topics, and answers when each is gone or the request's time is up. From version 6 on topics may be named
    /// by their ids.
    mutating func deleteTopics(_ request: Request, _ body: DeleteTopicsRequest) {
        var wanted = body.topics
        if request.version < 6 {
            wanted = body.topicNames.map { name in
                var topic = DeleteTopicsRequest.DeleteTopicState()
                topic.name = name
                return topic
            }
        }
        let deadline = now + .milliseconds(Int64(max(0, body.timeoutMs)))
        let names = wanted.map { $0.name ?? image.topicName(of: $0.topicId) }
        let ids = zip(wanted, names).map { topic, name in name.flatMap { image.topics[$0]?.id } ?? topic.topicId }
        var (hidden, forbidden): (Set<String>, Set<String>) = ([], [])
        if image.controllerID == settings.brokerID, settings.mayDeleteTopics {
            let byID = zip(wanted, names).filter { $0.0.name == nil }.compactMap(\.1)
            hidden = self.forbidden(request, .describe, byID)
            forbidden = self.forbidden(request, .delete, names.lazy.compactMap { $0 })
        }
        gatherRefusals(of: Array(zip(wanted, names))) { [hidden, forbidden] kernel, topic, done throws(AdminRefusal) in
            let (wanted, name) = topic
            try kernel.checkIsController()
            guard kernel.settings.mayDeleteTopics else {
                let error: ErrorCode = request.version < 3 ? .invalidRequest : .topicDeletionDisabled
                throw AdminRefusal(error, "Topic deletion is disabled.")
            }
            guard let name else {
                throw AdminRefusal(.unknownTopicId, "No topic has the id \(wanted.topicId).")
            }
            guard !forbidden.contains(name), wanted.name != nil || !hidden.contains(name) else {
                throw .unauthorizedOnTopic
            }
            guard kernel.image.topics[name] != nil else {
                throw AdminRefusal(.unknownTopicOrPartition, "There is no topic '\(name)'.")
            }
            kernel.change(.deleteTopic(name: name)) { kernel, outcome in
                if let refusal = AdminRefusal(outcome) { return done(&kernel, refusal) }
                kernel.whenImage(by: deadline) {
                    $0.image.topics[name] == nil
                } then: { kernel, isGone in
                    done(&kernel, isGone ? nil : .timedOut("Topic '\(name)' is marked for deletion, and not gone yet."))
                }
            }
        } then: { [hidden] kernel, refusals in
            var response = DeleteTopicsResponse()
            for (place, refusal) in refusals.enumerated() {
                var result = DeleteTopicsResponse.DeletableTopicResult()
                // Who named a topic by its id is not told its name unless it may know it.
                result.name =
                    wanted[place].name == nil && names[place].map { hidden.contains($0) } ?? false ? nil : names[place]
                result.topicId = ids[place]
                result.errorCode = refusal?.error.rawValue ?? 0
                result.errorMessage = refusal?.message
                response.responses.append(result)
            }
            kernel.reply(to: request) { response.write(to: &$0, version: request.version) }
        }
    }
}
