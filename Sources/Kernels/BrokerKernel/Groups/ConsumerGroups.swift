import ClusterModel
import Groups
import KafkaProtocol
import KafkaProtocolGroups

/// What members and operators ask of groups of the new protocol (KIP-848).
extension BrokerKernel {
    mutating func consumerGroupHeartbeat(_ request: Request, _ body: ConsumerGroupHeartbeatRequest) {
        let partition: Int32
        switch coordinated(body.groupId, request, .read) {
        case .success(let found): partition = found
        case .failure(let error): return refuse(request, error)
        }
        let forbidden = forbidden(request, .describe, body.subscribedTopicNames ?? [])
        guard forbidden.isEmpty else { return refuse(request, .topicAuthorizationFailed) }
        let hidden = topicsHidden(from: request, body, partition)
        ask(partition) { ticket in
            let client = JoiningClient(
                ticket: ticket, version: request.version, clientID: request.clientID ?? "",
                host: "/" + request.origin.clientAddress)
            return .consumerHeartbeatReceived(body, client, hidden: hidden)
        } answer: { kernel, reply in
            guard case .consumerHeartbeat(let response) = reply else {
                preconditionFailure("a heartbeat was answered by \(reply)")
            }
            kernel.reply(to: request) { response.write(to: &$0, version: request.version) }
        }
    }

    /// Topics that a member's expression must not find, for the member may not know of them.
    private mutating func topicsHidden(
        from request: Request, _ body: ConsumerGroupHeartbeatRequest, _ partition: Int32
    ) -> Set<String> {
        guard settings.access != nil, groups.registries[partition]?.looksForTopics(body) ?? false else { return [] }
        return forbidden(request, .describe, image.topics.keys.sorted(), tellsDenial: false)
    }

    private mutating func refuse(_ request: Request, _ error: ErrorCode) {
        var response = ConsumerGroupHeartbeatResponse()
        response.errorCode = error.rawValue
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }

    mutating func consumerGroupDescribe(_ request: Request, _ body: ConsumerGroupDescribeRequest) {
        gather(body.groupIds) { kernel, group, tell in
            kernel.describeConsumers(of: group, request, tellsOperations: body.includeAuthorizedOperations, then: tell)
        } then: { kernel, groups in
            var response = ConsumerGroupDescribeResponse()
            response.groups = groups
            kernel.reply(to: request) { response.write(to: &$0, version: request.version) }
        }
    }

    private mutating func describeConsumers(
        of group: String, _ request: Request, tellsOperations: Bool,
        then tell: @escaping (inout BrokerKernel, ConsumerGroupDescribeResponse.DescribedGroup) -> Void
    ) {
        let partition: Int32
        switch coordinated(group, request, .describe) {
        case .success(let found): partition = found
        case .failure(let error): return tell(&self, .refused(group, error))
        }
        guard let registry = groups.registries[partition] else { return tell(&self, .refused(group, .notCoordinator)) }
        var described = registry.consumerDescription(of: group)
        let topics = described.members.flatMap { $0.topics }
        if !forbidden(request, .describe, Set(topics).sorted()).isEmpty {
            described = .refused(
                group, .topicAuthorizationFailed,
                "The group has described topic(s) that the client is not authorized to describe.")
        } else if tellsOperations, described.errorCode == 0 {
            described.authorizedOperations = permittedOperations(request, .group, group)
        }
        whenGroupsCommitted(partition) { [described] kernel, outcome in
            switch outcome {
            case .committed: tell(&kernel, described)
            case .deposed: tell(&kernel, .refused(group, .notCoordinator))
            case .late: tell(&kernel, .refused(group, .coordinatorNotAvailable))
            }
        }
    }
}

extension ConsumerGroupDescribeResponse.DescribedGroup {
    fileprivate static func refused(_ group: String, _ error: ErrorCode, _ message: String? = nil) -> Self {
        var refused = Self()
        refused.groupId = group
        refused.errorCode = error.rawValue
        refused.errorMessage = message
        return refused
    }
}

extension ConsumerGroupDescribeResponse.Member {
    /// All topics that a description of the member names.
    fileprivate var topics: [String] {
        subscribedTopicNames + (assignment.topicPartitions + targetAssignment.topicPartitions).map(\.topicName)
    }
}
