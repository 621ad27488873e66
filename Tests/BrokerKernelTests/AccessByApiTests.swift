import BrokerKernel
import ClusterModel
import Controller
import KafkaProtocol
import KafkaProtocolAdmin
import KafkaProtocolClusters
import KafkaProtocolGroups
import KafkaProtocolTransactions
import NIOCore
import Security
import Testing
import WireCoding

/// What an API asks of whoever uses it.
private struct Guarded {
    var api: ApiKey
    /// Rights that together are enough.
    var rights: [(AccessOperation, ResourceType, String)]
    /// What somebody is told who has none.
    var denial: ErrorCode
    var call: (BrokerBench) throws -> ErrorCode
}

@Suite("What each API asks of its users")
struct AccessByApiTests {
    private static let cluster = ResourcePattern.clusterName
    private let alice = KafkaPrincipal(name: "alice")

    @Test("Every API that is offered refuses whom it must, and serves who has the one right it asks")
    func everyAPI() throws {
        let bench = try BrokerBench.controlled()
        // As with any client, the topic of the groups is there once somebody looked for a coordinator.
        _ = try Self.coordinator(bench)
        let guarded = Self.data + Self.groups + Self.administration + Self.mirroring
        let offered = try bench.call(ApiVersionsRequest()).apiKeys.compactMap { ApiKey(rawValue: $0.apiKey) }
        // Whoever adds an API says here what it asks.
        #expect(Set(offered) == Set(guarded.map(\.api)).union([.apiVersions]))
        for one in guarded {
            try bench.dropRules()
            try bench.acting(as: alice) {
                let audits = bench.audits.count
                #expect(try one.call(bench) == one.denial, "\(one.api) without rights")
                if one.api != .listGroups {
                    #expect(bench.audits.count > audits, "\(one.api): nothing is in the audit log")
                }
                for (operation, type, name) in one.rights { try bench.rule(.allow, alice, operation, type, name) }
                let told = try one.call(bench)
                #expect(!Self.denials.contains(told), "\(one.api) with \(one.rights): \(told)")
                for (operation, type, name) in one.rights { try bench.rule(.deny, alice, operation, type, name) }
                #expect(try one.call(bench) == one.denial, "\(one.api) with a rule that denies")
            }
            #expect(!Self.denials.contains(try one.call(bench)), "\(one.api) for a super user")
        }
    }

    private static let denials: Set<ErrorCode> = [
        .topicAuthorizationFailed, .groupAuthorizationFailed, .clusterAuthorizationFailed,
        .transactionalIdAuthorizationFailed,
    ]

    // MARK: - Data

    private static var data: [Guarded] {
        [
            Guarded(api: .produce, rights: [(.write, .topic, "t")], denial: .topicAuthorizationFailed) {
                .of(try $0.produce(batch(["two"]), to: "t").errorCode)
            },
            Guarded(api: .fetch, rights: [(.read, .topic, "t")], denial: .topicAuthorizationFailed) { bench in
                let told = try bench.call(bench.fetchRequest("t", from: 0, maxWait: 0))
                return .of(told.responses.first?.partitions.first?.errorCode ?? told.errorCode)
            },
            Guarded(api: .listOffsets, rights: [(.describe, .topic, "t")], denial: .topicAuthorizationFailed) { bench in
                var partition = ListOffsetsRequest.ListOffsetsPartition()
                partition.timestamp = -1
                var topic = ListOffsetsRequest.ListOffsetsTopic()
                topic.name = "t"
                topic.partitions = [partition]
                var request = ListOffsetsRequest()
                request.topics = [topic]
                return .of(try bench.call(request).topics[0].partitions[0].errorCode)
            },
            Guarded(api: .metadata, rights: [(.describe, .topic, "t")], denial: .topicAuthorizationFailed) { bench in
                var topic = MetadataRequest.MetadataRequestTopic()
                topic.name = "t"
                var request = MetadataRequest()
                request.topics = [topic]
                return .of(try bench.call(request).topics[0].errorCode)
            },
            Guarded(api: .deleteRecords, rights: [(.delete, .topic, "t")], denial: .topicAuthorizationFailed) {
                .of(try $0.deleteRecords(before: 0).errorCode)
            },
            Guarded(
                api: .initProducerId, rights: [(.idempotentWrite, .cluster, cluster)],
                denial: .clusterAuthorizationFailed
            ) { bench in
                var request = InitProducerIdRequest()
                request.transactionalId = nil
                return .of(try bench.call(request).errorCode)
            },
            Guarded(
                api: .offsetForLeaderEpoch, rights: [(.describe, .topic, "t")], denial: .topicAuthorizationFailed
            ) { bench in
                var topic = OffsetForLeaderEpochRequest.OffsetForLeaderTopic()
                topic.topic = "t"
                topic.partitions = [OffsetForLeaderEpochRequest.OffsetForLeaderPartition()]
                var request = OffsetForLeaderEpochRequest()
                request.topics = [topic]
                return .of(try bench.call(request).topics[0].partitions[0].errorCode)
            },
            Guarded(
                api: .describeProducers, rights: [(.read, .topic, "t")], denial: .topicAuthorizationFailed
            ) { bench in
                var topic = DescribeProducersRequest.TopicRequest()
                topic.name = "t"
                topic.partitionIndexes = [0]
                var request = DescribeProducersRequest()
                request.topics = [topic]
                return .of(try bench.call(request).topics[0].partitions[0].errorCode)
            },
        ]
    }

    // MARK: - Groups

    private static func coordinator(_ bench: BrokerBench) throws -> ErrorCode {
        var request = FindCoordinatorRequest()
        request.coordinatorKeys = ["g"]
        return .of(try bench.call(request).coordinators[0].errorCode)
    }

    private static var groups: [Guarded] {
        [
            Guarded(
                api: .findCoordinator, rights: [(.describe, .group, "g")], denial: .groupAuthorizationFailed,
                call: coordinator),
            Guarded(api: .joinGroup, rights: [(.read, .group, "g")], denial: .groupAuthorizationFailed) { bench in
                var request = JoinGroupRequest()
                request.groupId = "g"
                request.sessionTimeoutMs = 10_000
                request.protocolType = "consumer"
                request.protocols = [JoinGroupRequest.JoinGroupRequestProtocol()]
                return .of(try bench.call(request).errorCode)
            },
            Guarded(api: .syncGroup, rights: [(.read, .group, "g")], denial: .groupAuthorizationFailed) { bench in
                var request = SyncGroupRequest()
                request.groupId = "g"
                return .of(try bench.call(request).errorCode)
            },
            Guarded(api: .heartbeat, rights: [(.read, .group, "g")], denial: .groupAuthorizationFailed) { bench in
                var request = HeartbeatRequest()
                request.groupId = "g"
                return .of(try bench.call(request).errorCode)
            },
            Guarded(api: .leaveGroup, rights: [(.read, .group, "g")], denial: .groupAuthorizationFailed) { bench in
                var request = LeaveGroupRequest()
                request.groupId = "g"
                return .of(try bench.call(request).errorCode)
            },
            Guarded(
                api: .offsetCommit, rights: [(.read, .group, "g"), (.read, .topic, "t")],
                denial: .groupAuthorizationFailed
            ) { bench in
                var topic = OffsetCommitRequest.OffsetCommitRequestTopic()
                topic.name = "t"
                topic.partitions = [OffsetCommitRequest.OffsetCommitRequestPartition()]
                var request = OffsetCommitRequest()
                request.groupId = "g"
                request.topics = [topic]
                return .of(try bench.call(request).topics[0].partitions[0].errorCode)
            },
            Guarded(api: .offsetFetch, rights: [(.describe, .group, "g")], denial: .groupAuthorizationFailed) { bench in
                var group = OffsetFetchRequest.OffsetFetchRequestGroup()
                group.groupId = "g"
                group.topics = nil
                var request = OffsetFetchRequest()
                request.groups = [group]
                return .of(try bench.call(request).groups[0].errorCode)
            },
            Guarded(api: .offsetDelete, rights: [(.delete, .group, "g")], denial: .groupAuthorizationFailed) { bench in
                var request = OffsetDeleteRequest()
                request.groupId = "g"
                return .of(try bench.call(request).errorCode)
            },
            Guarded(
                api: .describeGroups, rights: [(.describe, .group, "g")], denial: .groupAuthorizationFailed
            ) { bench in
                var request = DescribeGroupsRequest()
                request.groups = ["g"]
                return .of(try bench.call(request).groups[0].errorCode)
            },
            // It leaves out what may not be seen.
            Guarded(api: .listGroups, rights: [(.describe, .cluster, cluster)], denial: .none) {
                .of(try $0.call(ListGroupsRequest()).errorCode)
            },
            Guarded(api: .deleteGroups, rights: [(.delete, .group, "g")], denial: .groupAuthorizationFailed) { bench in
                var request = DeleteGroupsRequest()
                request.groupsNames = ["g"]
                return .of(try bench.call(request).results[0].errorCode)
            },
            Guarded(
                api: .consumerGroupHeartbeat, rights: [(.read, .group, "g"), (.describe, .topic, "t")],
                denial: .groupAuthorizationFailed
            ) { bench in
                var request = ConsumerGroupHeartbeatRequest()
                request.groupId = "g"
                request.memberId = "m"
                request.rebalanceTimeoutMs = 60_000
                request.subscribedTopicNames = ["t"]
                request.topicPartitions = []
                return .of(try bench.call(request).errorCode)
            },
            Guarded(
                api: .consumerGroupDescribe, rights: [(.describe, .group, "g"), (.describe, .topic, "t")],
                denial: .groupAuthorizationFailed
            ) { bench in
                var request = ConsumerGroupDescribeRequest()
                request.groupIds = ["g"]
                return .of(try bench.call(request).groups[0].errorCode)
            },
        ]
    }

    // MARK: - Administration

    private static func configs(_ bench: BrokerBench, ofTopic name: String) throws -> ErrorCode {
        var resource = DescribeConfigsRequest.DescribeConfigsResource()
        resource.resourceType = 2
        resource.resourceName = name
        resource.configurationKeys = nil
        var request = DescribeConfigsRequest()
        request.resources = [resource]
        return .of(try bench.call(request).results[0].errorCode)
    }

    private static var administration: [Guarded] {
        [
            Guarded(api: .createTopics, rights: [(.create, .cluster, cluster)], denial: .topicAuthorizationFailed) {
                .of(try $0.createTopic("new", validateOnly: true).errorCode)
            },
            Guarded(api: .deleteTopics, rights: [(.delete, .topic, "nowhere")], denial: .topicAuthorizationFailed) {
                try $0.deleteTopic("nowhere")
            },
            Guarded(api: .createPartitions, rights: [(.alter, .topic, "t")], denial: .topicAuthorizationFailed) {
                bench in
                var topic = CreatePartitionsRequest.CreatePartitionsTopic()
                topic.name = "t"
                topic.count = 2
                topic.assignments = nil
                var request = CreatePartitionsRequest()
                request.topics = [topic]
                return .of(try bench.call(request).results[0].errorCode)
            },
            Guarded(
                api: .describeConfigs, rights: [(.describeConfigs, .topic, "t")], denial: .topicAuthorizationFailed
            ) { try configs($0, ofTopic: "t") },
            Guarded(
                api: .alterConfigs, rights: [(.alterConfigs, .topic, "t")], denial: .topicAuthorizationFailed
            ) { bench in
                var resource = AlterConfigsRequest.AlterConfigsResource()
                resource.resourceType = 2
                resource.resourceName = "t"
                var request = AlterConfigsRequest()
                request.resources = [resource]
                return .of(try bench.call(request).responses[0].errorCode)
            },
            Guarded(
                api: .incrementalAlterConfigs, rights: [(.alterConfigs, .cluster, cluster)],
                denial: .clusterAuthorizationFailed
            ) { bench in
                var resource = IncrementalAlterConfigsRequest.AlterConfigsResource()
                resource.resourceType = 4
                var request = IncrementalAlterConfigsRequest()
                request.resources = [resource]
                return .of(try bench.call(request).responses[0].errorCode)
            },
            Guarded(
                api: .describeCluster, rights: [(.describe, .cluster, cluster)], denial: .clusterAuthorizationFailed
            ) { bench in
                var request = DescribeClusterRequest()
                request.includeClusterAuthorizedOperations = true
                // The reply has no error for it.
                return try bench.call(request).clusterAuthorizedOperations == 0 ? .clusterAuthorizationFailed : .none
            },
            Guarded(api: .electLeaders, rights: [(.alter, .cluster, cluster)], denial: .clusterAuthorizationFailed) {
                .of(try $0.call(ElectLeadersRequest()).errorCode)
            },
            Guarded(
                api: .alterPartitionReassignments, rights: [(.alter, .cluster, cluster)],
                denial: .clusterAuthorizationFailed
            ) { .of(try $0.call(AlterPartitionReassignmentsRequest()).errorCode) },
            Guarded(
                api: .listPartitionReassignments, rights: [(.describe, .cluster, cluster)],
                denial: .clusterAuthorizationFailed
            ) { .of(try $0.call(ListPartitionReassignmentsRequest()).errorCode) },
            Guarded(api: .updateFeatures, rights: [(.alter, .cluster, cluster)], denial: .clusterAuthorizationFailed) {
                .of(try $0.call(UpdateFeaturesRequest()).errorCode)
            },
            Guarded(
                api: .describeTopicPartitions, rights: [(.describe, .topic, "t")], denial: .topicAuthorizationFailed
            ) { bench in
                var topic = DescribeTopicPartitionsRequest.TopicRequest()
                topic.name = "t"
                var request = DescribeTopicPartitionsRequest()
                request.topics = [topic]
                return .of(try bench.call(request).topics[0].errorCode)
            },
            Guarded(
                api: .describeClientQuotas, rights: [(.describeConfigs, .cluster, cluster)],
                denial: .clusterAuthorizationFailed
            ) { .of(try $0.call(DescribeClientQuotasRequest()).errorCode) },
            Guarded(
                api: .alterClientQuotas, rights: [(.alterConfigs, .cluster, cluster)],
                denial: .clusterAuthorizationFailed
            ) { bench in
                var request = AlterClientQuotasRequest()
                request.entries = [AlterClientQuotasRequest.EntryData()]
                return .of(try bench.call(request).entries[0].errorCode)
            },
            Guarded(
                api: .describeUserScramCredentials, rights: [(.describe, .cluster, cluster)],
                denial: .clusterAuthorizationFailed
            ) { .of(try $0.call(DescribeUserScramCredentialsRequest()).errorCode) },
            Guarded(
                api: .alterUserScramCredentials, rights: [(.alter, .cluster, cluster)],
                denial: .clusterAuthorizationFailed
            ) { bench in
                var deletion = AlterUserScramCredentialsRequest.ScramCredentialDeletion()
                deletion.name = "nobody"
                deletion.mechanism = 1
                var request = AlterUserScramCredentialsRequest()
                request.deletions = [deletion]
                return .of(try bench.call(request).results[0].errorCode)
            },
            Guarded(
                api: .describeLogDirs, rights: [(.describe, .cluster, cluster)], denial: .clusterAuthorizationFailed
            ) {
                .of(try $0.call(DescribeLogDirsRequest()).errorCode)
            },
            Guarded(
                api: .alterReplicaLogDirs, rights: [(.alter, .cluster, cluster)], denial: .clusterAuthorizationFailed
            ) { bench in
                var topic = AlterReplicaLogDirsRequest.AlterReplicaLogDirTopic()
                topic.name = "t"
                topic.partitions = [0]
                var directory = AlterReplicaLogDirsRequest.AlterReplicaLogDir()
                directory.path = "/nowhere"
                directory.topics = [topic]
                var request = AlterReplicaLogDirsRequest()
                request.dirs = [directory]
                return .of(try bench.call(request).results[0].partitions[0].errorCode)
            },
            Guarded(api: .describeAcls, rights: [(.describe, .cluster, cluster)], denial: .clusterAuthorizationFailed) {
                .of(try $0.call(AccessRequestTests.describing()).errorCode)
            },
            Guarded(api: .createAcls, rights: [(.alter, .cluster, cluster)], denial: .clusterAuthorizationFailed) {
                var request = CreateAclsRequest()
                request.creations = [CreateAclsRequest.AclCreation()]
                return .of(try $0.call(request).results[0].errorCode)
            },
            Guarded(api: .deleteAcls, rights: [(.alter, .cluster, cluster)], denial: .clusterAuthorizationFailed) {
                var request = DeleteAclsRequest()
                request.filters = [DeleteAclsRequest.DeleteAclsFilter()]
                return .of(try $0.call(request).filterResults[0].errorCode)
            },
        ]
    }

    // MARK: - Brokers and mirrors

    private static var mirroring: [Guarded] {
        [
            Guarded(
                api: .writeTxnMarkers, rights: [(.clusterAction, .cluster, cluster)],
                denial: .clusterAuthorizationFailed
            ) { bench in
                var topic = WriteTxnMarkersRequest.WritableTxnMarkerTopic()
                topic.name = "nowhere"
                topic.partitionIndexes = [0]
                var marker = WriteTxnMarkersRequest.WritableTxnMarker()
                marker.topics = [topic]
                var request = WriteTxnMarkersRequest()
                request.markers = [marker]
                return .of(try bench.call(request).markers[0].topics[0].partitions[0].errorCode)
            },
            Guarded(
                api: .mirrorAppend, rights: [(.clusterAction, .cluster, cluster)], denial: .clusterAuthorizationFailed
            ) { bench in
                var topic = MirrorAppendRequest.MirroredTopic()
                topic.partitions = [MirrorAppendRequest.MirroredPartition()]
                var request = MirrorAppendRequest()
                request.topics = [topic]
                return .of(try bench.call(request).topics[0].partitions[0].errorCode)
            },
            Guarded(
                api: .mirrorAlter, rights: [(.clusterAction, .cluster, cluster)], denial: .clusterAuthorizationFailed
            ) { bench in
                var request = MirrorAlterRequest()
                request.topics = [MirrorAlterRequest.AlteredTopic()]
                return .of(try bench.call(request).topics[0].errorCode)
            },
            Guarded(
                api: .mirrorDescribe, rights: [(.clusterAction, .cluster, cluster)], denial: .clusterAuthorizationFailed
            ) { bench in
                var topic = MirrorDescribeRequest.DescribedTopic()
                topic.name = "t"
                topic.partitions = [0]
                var request = MirrorDescribeRequest()
                request.topics = [topic]
                let told = try bench.call(request).topics[0]
                #expect((told.topicId == .zero) == (told.partitions[0].errorCode != 0))
                return .of(told.partitions[0].errorCode)
            },
            Guarded(
                api: .mirrorConfirm, rights: [(.clusterAction, .cluster, cluster)], denial: .clusterAuthorizationFailed
            ) { bench in
                var topic = MirrorConfirmRequest.ConfirmedTopic()
                topic.partitions = [MirrorConfirmRequest.ConfirmedPartition()]
                var request = MirrorConfirmRequest()
                request.topics = [topic]
                return .of(try bench.call(request).topics[0].partitions[0].errorCode)
            },
            Guarded(
                api: .mirrorCredentials, rights: [(.clusterAction, .cluster, cluster)],
                denial: .clusterAuthorizationFailed
            ) { .of(try $0.call(MirrorCredentialsRequest()).errorCode) },
            Guarded(
                api: .mirrorAlterCredentials, rights: [(.clusterAction, .cluster, cluster)],
                denial: .clusterAuthorizationFailed
            ) { bench in
                var request = MirrorAlterCredentialsRequest()
                request.users = [MirrorAlterCredentialsRequest.AlteredUser()]
                return .of(try bench.call(request).users[0].errorCode)
            },
            Guarded(
                api: .logDigest, rights: [(.clusterAction, .cluster, cluster)], denial: .clusterAuthorizationFailed
            ) { bench in
                var topic = LogDigestRequest.DigestedTopic()
                topic.name = "t"
                topic.partitions = [LogDigestRequest.DigestedPartition()]
                var request = LogDigestRequest()
                request.topics = [topic]
                return .of(try bench.call(request).topics[0].partitions[0].errorCode)
            },
        ]
    }
}
