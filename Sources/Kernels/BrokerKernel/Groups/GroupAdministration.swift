import Groups
import KafkaProtocol
import KafkaProtocolGroups

/// What operators ask about groups and do to them.
extension BrokerKernel {
    mutating func listGroups(_ request: Request, _ body: ListGroupsRequest) {
        var response = ListGroupsResponse()
        // A list that lacks groups must not look like all there are.
        if !groups.loading.isEmpty { response.errorCode = ErrorCode.coordinatorLoadInProgress.rawValue }
        response.groups = groups.registries.values.flatMap {
            $0.listing(states: body.statesFilter, types: body.typesFilter)
        }.sorted { $0.groupId < $1.groupId }
        if !permitsOnCluster(request, .describe, tellsDenial: false) {
            response.groups = response.groups.filter {
                permits(request, .describe, .group, $0.groupId, tellsDenial: false)
            }
        }
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }

    mutating func describeGroups(_ request: Request, _ body: DescribeGroupsRequest) {
        gather(body.groups) { kernel, group, tell in
            kernel.describe(group, request, tellsOperations: body.includeAuthorizedOperations, then: tell)
        } then: { kernel, groups in
            var response = DescribeGroupsResponse()
            response.groups = groups
            kernel.reply(to: request) { response.write(to: &$0, version: request.version) }
        }
    }

    private mutating func describe(
        _ group: String, _ request: Request, tellsOperations: Bool,
        then tell: @escaping (inout BrokerKernel, DescribeGroupsResponse.DescribedGroup) -> Void
    ) {
        var refused = DescribeGroupsResponse.DescribedGroup()
        refused.groupId = group
        refused.errorCode = ErrorCode.notCoordinator.rawValue
        let partition: Int32
        switch coordinated(group, request, .describe) {
        case .success(let found): partition = found
        case .failure(let error):
            refused.errorCode = error.rawValue
            return tell(&self, refused)
        }
        guard let registry = groups.registries[partition] else { return tell(&self, refused) }
        var described = registry.description(of: group)
        if tellsOperations, described.errorCode == 0 {
            described.authorizedOperations = permittedOperations(request, .group, group)
        }
        whenGroupsCommitted(partition) { [refused, described] kernel, outcome in
            var refused = refused
            if outcome == .late { refused.errorCode = ErrorCode.coordinatorNotAvailable.rawValue }
            tell(&kernel, outcome == .committed ? described : refused)
        }
    }

    mutating func deleteGroups(_ request: Request, _ body: DeleteGroupsRequest) {
        var response = DeleteGroupsResponse()
        var byPartition: [Int32: [String]] = [:]
        for group in body.groupsNames {
            switch coordinated(group, request, .delete) {
            case .success(let partition): byPartition[partition, default: []].append(group)
            case .failure(let error):
                var result = DeleteGroupsResponse.DeletableGroupResult()
                result.groupId = group
                result.errorCode = error.rawValue
                response.results.append(result)
            }
        }
        gather(byPartition.sorted { $0.key < $1.key }) { kernel, groups, tell in
            kernel.ask(groups.key) {
                .groupDeletionRequested(groups.value, $0)
            } answer: { kernel, reply in
                guard case .deleteGroups(let part) = reply else {
                    preconditionFailure("a deletion was answered by \(reply)")
                }
                tell(&kernel, part.results)
            }
        } then: { [response] kernel, deleted in
            var response = response
            response.results += deleted.joined()
            kernel.reply(to: request) { response.write(to: &$0, version: request.version) }
        }
    }
}
