import Groups
import KafkaProtocol
import KafkaProtocolGroups

/// What operators ask about groups and do to them.
extension BrokerKernel {
    mutating func listGroups(_ request: Request, _ body: ListGroupsRequest) {
        var response = ListGroupsResponse()
        response.groups = groups.registries.values.flatMap {
            $0.listing(states: body.statesFilter, types: body.typesFilter)
        }.sorted { $0.groupId < $1.groupId }
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }

    mutating func describeGroups(_ request: Request, _ body: DescribeGroupsRequest) {
        var response = DescribeGroupsResponse()
        response.groups = body.groups.map { group in
            if let partition = coordinatedPartition(of: group), let registry = groups.registries[partition] {
                return registry.description(of: group)
            }
            var described = DescribeGroupsResponse.DescribedGroup()
            described.groupId = group
            described.errorCode = ErrorCode.notCoordinator.rawValue
            return described
        }
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }

    mutating func deleteGroups(_ request: Request, _ body: DeleteGroupsRequest) {
        var response = DeleteGroupsResponse()
        var byPartition: [Int32: [String]] = [:]
        for group in body.groupsNames {
            if let partition = coordinatedPartition(of: group) {
                byPartition[partition, default: []].append(group)
            } else {
                var result = DeleteGroupsResponse.DeletableGroupResult()
                result.groupId = group
                result.errorCode = ErrorCode.notCoordinator.rawValue
                response.results.append(result)
            }
        }
        // A registry answers a deletion in the same step.
        var deleted: [DeleteGroupsResponse.DeletableGroupResult] = []
        for (partition, groups) in byPartition.sorted(by: { $0.key < $1.key }) {
            ask(partition) {
                .groupDeletionRequested(groups, $0)
            } answer: { _, reply in
                guard case .deleteGroups(let part) = reply else {
                    preconditionFailure("a deletion was answered by \(reply)")
                }
                deleted += part.results
            }
        }
        response.results += deleted
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }
}
