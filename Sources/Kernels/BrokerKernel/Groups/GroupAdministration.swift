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
        reply(to: request) { response.write(to: &$0, version: request.version) }
    }

    mutating func describeGroups(_ request: Request, _ body: DescribeGroupsRequest) {
        gather(body.groups) { kernel, group, tell in
            kernel.describe(group, then: tell)
        } then: { kernel, groups in
            var response = DescribeGroupsResponse()
            response.groups = groups
            kernel.reply(to: request) { response.write(to: &$0, version: request.version) }
        }
    }

    private mutating func describe(
        _ group: String, then tell: @escaping (inout BrokerKernel, DescribeGroupsResponse.DescribedGroup) -> Void
    ) {
        var refused = DescribeGroupsResponse.DescribedGroup()
        refused.groupId = group
        refused.errorCode = ErrorCode.notCoordinator.rawValue
        guard let partition = coordinatedPartition(of: group), let registry = groups.registries[partition] else {
            refused.errorCode = refusal(of: group).rawValue
            return tell(&self, refused)
        }
        let described = registry.description(of: group)
        whenGroupsCommitted(partition) { [refused] kernel, outcome in
            var refused = refused
            if outcome == .late { refused.errorCode = ErrorCode.coordinatorNotAvailable.rawValue }
            tell(&kernel, outcome == .committed ? described : refused)
        }
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
                result.errorCode = refusal(of: group).rawValue
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
