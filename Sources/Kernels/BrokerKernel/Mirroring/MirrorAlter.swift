import ClusterModel
import Controller
import KafkaProtocol
import KafkaProtocolClusters
import Seams

extension BrokerKernel {
    private typealias Wanted = MirrorAlterRequest.AlteredTopic

    /// Makes mirror topics and moves homes, each topic for itself, and answers when the image shows all that was done.
    mutating func mirrorAlter(_ request: Request, _ body: MirrorAlterRequest) {
        if !body.topics.isEmpty, body.topics.allSatisfy({ $0.action == MirrorAction.affirm.rawValue }) {
            return affirmHomes(request, body)
        }
        let deadline = now + .milliseconds(Int64(max(0, body.timeoutMs)))
        let counts = Dictionary(body.topics.map { ($0.name, 1) }, uniquingKeysWith: +)
        var done: [MirrorAlteration] = []
        let isPermitted = permitsOnCluster(request, .clusterAction)
        gather(body.topics) { (kernel, wanted, answer: @escaping (inout BrokerKernel, AdminRefusal?) -> Void) in
            guard isPermitted else { return answer(&kernel, .unauthorizedOnCluster) }
            if counts[wanted.name, default: 0] > 1 {
                return answer(&kernel, AdminRefusal(.invalidRequest, "Topic '\(wanted.name)' is named twice."))
            }
            do throws(AdminRefusal) {
                try kernel.checkIsController()
                let alteration = try kernel.alteration(wanted)
                if body.validateOnly { return answer(&kernel, nil) }
                done.append(alteration)
                kernel.change(.alterMirror(alteration)) { answer(&$0, AdminRefusal($1)) }
            } catch {
                answer(&kernel, error)
            }
        } then: { kernel, refusals in
            var refused: Set<String> = []
            for (topic, refusal) in zip(body.topics, refusals) where refusal != nil { refused.insert(topic.name) }
            let expected = done.filter { !refused.contains($0.topic) }
            kernel.whenImage(by: deadline) { kernel in
                expected.allSatisfy { kernel.shows($0) }
            } then: { kernel, _ in
                kernel.answerAlteration(request, body, refusals, expected)
            }
        }
    }

    mutating func answerAlteration(
        _ request: Request, _ body: MirrorAlterRequest, _ refusals: [AdminRefusal?], _ expected: [MirrorAlteration]
    ) {
        let unseen = Set(expected.filter { !shows($0) }.map(\.topic))
        var response = MirrorAlterResponse()
        response.topics = zip(body.topics, refusals).map { topic, refusal in
            var refusal = refusal
            if unseen.contains(topic.name) { refusal = .timedOut("The change is made, and not seen here yet.") }
            var told = MirrorAlterResponse.AlteredTopicResult()
            told.name = topic.name
            told.errorCode = refusal?.error.rawValue ?? 0
            told.errorMessage = refusal?.message
            if let image = image.topics[topic.name] { told.homeEpoch = MirrorStanding(image.configs).homeEpoch }
            return told
        }
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }

    /// Whether the image shows what an alteration asked for, and of a topic that was made who leads it.
    private func shows(_ alteration: MirrorAlteration) -> Bool {
        do throws(ChangeRefusal) {
            guard try alteration.writes(on: image, configNodeExists: true).isEmpty else { return false }
        } catch {
            // Somebody else has gone further: nothing is left to wait for.
            return image.topics[alteration.topic] != nil
        }
        guard case .mirror = alteration.action else { return true }
        return hasLeaders(alteration.topic)
    }

    /// The change that is asked for, checked against the image.
    private mutating func alteration(_ wanted: Wanted) throws(AdminRefusal) -> MirrorAlteration {
        guard let action = MirrorAction(rawValue: wanted.action) else {
            throw AdminRefusal(.invalidRequest, "There is no action \(wanted.action) on mirrors.")
        }
        guard !InternalTopics.names.contains(wanted.name) else {
            throw AdminRefusal(.invalidTopicException, "\(wanted.name) belongs to the cluster and is never mirrored.")
        }
        guard !wanted.linkName.isEmpty, wanted.homeEpoch >= 0 else {
            throw AdminRefusal(.invalidRequest, "A link's name and a home epoch are needed.")
        }
        let cuts = Dictionary(wanted.cuts.map { ($0.index, $0.offset) }) { first, _ in first }
        let step: MirrorAlteration.Action =
            switch action {
            case .mirror: .mirror(try mirrorTopic(wanted))
            case .beginPromotion: .beginPromotion(isSourceLost: wanted.isSourceLost)
            case .promote: .promote(cuts: cuts)
            case .fence: .fence
            case .rewind: .rewind(cuts: cuts)
            case .unfence: .unfence
            case .reclaim: .reclaim
            case .affirm: throw AdminRefusal(.invalidRequest, "Homes are affirmed alone.")
            }
        let alteration = MirrorAlteration(
            topic: wanted.name, topicID: wanted.topicId, action: step, link: wanted.linkName,
            sourceClusterID: wanted.sourceClusterId, homeEpoch: wanted.homeEpoch)
        do throws(ChangeRefusal) {
            _ = try alteration.writes(on: image, configNodeExists: true)
        } catch {
            throw AdminRefusal(error)
        }
        return alteration
    }

    private mutating func mirrorTopic(_ wanted: Wanted) throws(AdminRefusal) -> MirrorTopic {
        guard wanted.topicId != .zero, !wanted.sourceClusterId.isEmpty, wanted.partitionCount > 0 else {
            throw AdminRefusal(
                .invalidRequest, "A mirror topic needs its source's topic id, cluster id and partition count.")
        }
        let configs = Dictionary(wanted.configs.map { ($0.name, $0.value) }) { first, _ in first }
        try check(configs.compactMapValues { $0 })
        for name in configs.keys.sorted() { _ = try TopicConfigKey.settable(name) }
        let present = image.topics[wanted.name]
        if present == nil {
            if let objection = TopicNames.objection(to: wanted.name) {
                throw AdminRefusal(.invalidTopicException, objection)
            }
            if let other = TopicNames.collision(of: wanted.name, with: image.topics.keys) {
                throw AdminRefusal(
                    .invalidTopicException, "Topic '\(wanted.name)' collides with existing topic: \(other)")
            }
            if let other = image.topicName(of: wanted.topicId) {
                throw AdminRefusal(
                    .topicAlreadyExists, "The source's topic id \(wanted.topicId) is that of topic '\(other)' here.")
            }
        }
        let existing = present?.partitions ?? []
        let missing = Int(wanted.partitionCount) - existing.count
        let replicas =
            existing.first?.replicas.count
            ?? Int(wanted.replicationFactor == -1 ? settings.defaultReplicationFactor : wanted.replicationFactor)
        guard replicas > 0 else {
            throw AdminRefusal(.invalidReplicationFactor, "Replication factor must be larger than 0.")
        }
        return MirrorTopic(
            partitionCount: Int(wanted.partitionCount),
            placement: missing > 0 ? try placed(partitions: missing, replicas: replicas, after: existing) : [],
            configs: configs)
    }
}
