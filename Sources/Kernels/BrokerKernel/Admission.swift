import KafkaProtocol
import KafkaProtocolAdmin
import KafkaProtocolClusters
import KafkaProtocolGroups
import KafkaProtocolTransactions
import NIOCore
import WireCoding

extension BrokerKernel {
    /// The APIs this broker answers, each in the versions that Apache Kafka 3.9 offers (those of the new groups' protocol in
    /// 4.0's), and our own.
    static let offeredAPIs: [ApiKey] = [
        .produce, .fetch, .listOffsets, .metadata, .apiVersions, .deleteRecords, .initProducerId,
        .offsetForLeaderEpoch, .findCoordinator, .joinGroup, .syncGroup, .heartbeat, .leaveGroup, .offsetCommit,
        .offsetFetch, .offsetDelete, .describeGroups, .listGroups, .deleteGroups, .createTopics, .deleteTopics,
        .createPartitions, .describeConfigs, .alterConfigs, .incrementalAlterConfigs, .describeCluster,
        .electLeaders, .alterPartitionReassignments, .listPartitionReassignments, .updateFeatures,
        .describeTopicPartitions, .describeClientQuotas, .alterClientQuotas, .describeUserScramCredentials,
        .alterUserScramCredentials, .describeProducers, .describeLogDirs, .alterReplicaLogDirs, .describeAcls,
        .createAcls, .deleteAcls, .writeTxnMarkers, .consumerGroupHeartbeat, .consumerGroupDescribe,
        .mirrorAppend, .mirrorAlter, .mirrorDescribe, .logDigest,
        .mirrorConfirm, .mirrorCredentials, .mirrorAlterCredentials,
    ]

    private static let offered = Set(offeredAPIs)

    /// Reads the body of a request and gives it to its API. A body that makes no sense ends the connection, as does
    /// an API or version that was never offered.
    mutating func admit(_ request: Request) {
        guard Self.offered.contains(request.apiKey), let versions = request.apiKey.offeredVersions,
            versions.contains(request.version)
        else {
            if request.apiKey == .apiVersions { return refuseApiVersions(request) }
            return perform(
                .close(
                    request.ticket.connection,
                    reason: "\(request.apiKey) version \(request.version) is not offered here"))
        }
        do throws(MalformedInput) {
            try dispatch(request)
        } catch {
            perform(
                .close(
                    request.ticket.connection,
                    reason: "a \(request.apiKey) request of version \(request.version) is malformed: \(error)"))
        }
    }

    private mutating func dispatch(_ request: Request) throws(MalformedInput) {
        switch request.apiKey {
        case .produce: produce(request, try read(request, ProduceRequest.init(reading:version:)))
        case .fetch: fetch(request, try read(request, FetchRequest.init(reading:version:)))
        case .listOffsets: listOffsets(request, try read(request, ListOffsetsRequest.init(reading:version:)))
        case .metadata: metadata(request, try read(request, MetadataRequest.init(reading:version:)))
        case .apiVersions: apiVersions(request, try read(request, ApiVersionsRequest.init(reading:version:)))
        case .initProducerId: initProducerID(request, try read(request, InitProducerIdRequest.init(reading:version:)))
        case .offsetForLeaderEpoch:
            offsetForLeaderEpoch(request, try read(request, OffsetForLeaderEpochRequest.init(reading:version:)))
        case .findCoordinator:
            findCoordinator(request, try read(request, FindCoordinatorRequest.init(reading:version:)))
        default:
            if try !dispatchToGroups(request) { try dispatchToAdministration(request) }
        }
    }

    private mutating func dispatchToAdministration(_ request: Request) throws(MalformedInput) {
        switch request.apiKey {
        case .createTopics: createTopics(request, try read(request, CreateTopicsRequest.init(reading:version:)))
        case .deleteTopics: deleteTopics(request, try read(request, DeleteTopicsRequest.init(reading:version:)))
        case .createPartitions:
            createPartitions(request, try read(request, CreatePartitionsRequest.init(reading:version:)))
        case .deleteRecords: deleteRecords(request, try read(request, DeleteRecordsRequest.init(reading:version:)))
        case .describeConfigs:
            describeConfigs(request, try read(request, DescribeConfigsRequest.init(reading:version:)))
        case .alterConfigs: alterConfigs(request, try read(request, AlterConfigsRequest.init(reading:version:)))
        case .incrementalAlterConfigs:
            incrementalAlterConfigs(request, try read(request, IncrementalAlterConfigsRequest.init(reading:version:)))
        case .describeCluster:
            describeCluster(request, try read(request, DescribeClusterRequest.init(reading:version:)))
        default: try dispatchToController(request)
        }
    }

    private mutating func dispatchToController(_ request: Request) throws(MalformedInput) {
        switch request.apiKey {
        case .electLeaders: electLeaders(request, try read(request, ElectLeadersRequest.init(reading:version:)))
        case .alterPartitionReassignments:
            alterPartitionReassignments(
                request, try read(request, AlterPartitionReassignmentsRequest.init(reading:version:)))
        case .listPartitionReassignments:
            listPartitionReassignments(
                request, try read(request, ListPartitionReassignmentsRequest.init(reading:version:)))
        case .updateFeatures: updateFeatures(request, try read(request, UpdateFeaturesRequest.init(reading:version:)))
        case .describeTopicPartitions:
            describeTopicPartitions(request, try read(request, DescribeTopicPartitionsRequest.init(reading:version:)))
        case .describeClientQuotas:
            describeClientQuotas(request, try read(request, DescribeClientQuotasRequest.init(reading:version:)))
        case .alterClientQuotas:
            alterClientQuotas(request, try read(request, AlterClientQuotasRequest.init(reading:version:)))
        case .describeUserScramCredentials:
            describeUserCredentials(
                request, try read(request, DescribeUserScramCredentialsRequest.init(reading:version:)))
        case .alterUserScramCredentials:
            alterUserCredentials(request, try read(request, AlterUserScramCredentialsRequest.init(reading:version:)))
        case .describeProducers:
            describeProducers(request, try read(request, DescribeProducersRequest.init(reading:version:)))
        case .describeLogDirs:
            describeLogDirs(request, try read(request, DescribeLogDirsRequest.init(reading:version:)))
        case .alterReplicaLogDirs:
            alterReplicaLogDirs(request, try read(request, AlterReplicaLogDirsRequest.init(reading:version:)))
        case .describeAcls: describeAcls(request, try read(request, DescribeAclsRequest.init(reading:version:)))
        case .createAcls: createAcls(request, try read(request, CreateAclsRequest.init(reading:version:)))
        case .deleteAcls: deleteAcls(request, try read(request, DeleteAclsRequest.init(reading:version:)))
        default: try dispatchToMirroring(request)
        }
    }

    private mutating func dispatchToMirroring(_ request: Request) throws(MalformedInput) {
        switch request.apiKey {
        case .mirrorAppend: mirrorAppend(request, try read(request, MirrorAppendRequest.init(reading:version:)))
        case .writeTxnMarkers:
            writeTxnMarkers(request, try read(request, WriteTxnMarkersRequest.init(reading:version:)))
        case .mirrorAlter: mirrorAlter(request, try read(request, MirrorAlterRequest.init(reading:version:)))
        case .mirrorDescribe: mirrorDescribe(request, try read(request, MirrorDescribeRequest.init(reading:version:)))
        case .mirrorConfirm: mirrorConfirm(request, try read(request, MirrorConfirmRequest.init(reading:version:)))
        case .mirrorCredentials: mirrorCredentials(request)
        case .mirrorAlterCredentials:
            mirrorAlterCredentials(request, try read(request, MirrorAlterCredentialsRequest.init(reading:version:)))
        case .logDigest: logDigest(request, try read(request, LogDigestRequest.init(reading:version:)))
        default: preconditionFailure("\(request.apiKey) is offered but has no handler")
        }
    }

    /// Returns whether the request was one about groups.
    private mutating func dispatchToGroups(_ request: Request) throws(MalformedInput) -> Bool {
        switch request.apiKey {
        case .joinGroup: joinGroup(request, try read(request, JoinGroupRequest.init(reading:version:)))
        case .syncGroup: syncGroup(request, try read(request, SyncGroupRequest.init(reading:version:)))
        case .heartbeat: heartbeat(request, try read(request, HeartbeatRequest.init(reading:version:)))
        case .leaveGroup: leaveGroup(request, try read(request, LeaveGroupRequest.init(reading:version:)))
        case .consumerGroupHeartbeat:
            consumerGroupHeartbeat(request, try read(request, ConsumerGroupHeartbeatRequest.init(reading:version:)))
        case .consumerGroupDescribe:
            consumerGroupDescribe(request, try read(request, ConsumerGroupDescribeRequest.init(reading:version:)))
        case .offsetCommit: offsetCommit(request, try read(request, OffsetCommitRequest.init(reading:version:)))
        case .offsetFetch: offsetFetch(request, try read(request, OffsetFetchRequest.init(reading:version:)))
        case .offsetDelete: offsetDelete(request, try read(request, OffsetDeleteRequest.init(reading:version:)))
        case .describeGroups: describeGroups(request, try read(request, DescribeGroupsRequest.init(reading:version:)))
        case .listGroups: listGroups(request, try read(request, ListGroupsRequest.init(reading:version:)))
        case .deleteGroups: deleteGroups(request, try read(request, DeleteGroupsRequest.init(reading:version:)))
        default: return false
        }
        return true
    }

    private func read<Body>(
        _ request: Request, _ read: (inout WireReader, Int16) throws(MalformedInput) -> Body
    ) throws(MalformedInput) -> Body {
        // Bytes after the body are ignored, as Apache's brokers do: librdkafka 2.x sends some with Metadata.
        try WireReader.read(request.body) { reader throws(MalformedInput) in try read(&reader, request.version) }
    }
}
