import BrokerKernel
import ClusterModel
import Controller
import KafkaProtocol
import KafkaProtocolAdmin
import KafkaProtocolGroups
import KafkaProtocolTransactions
import NIOCore
import Security
import Testing

@Suite("Obeying the rules of access")
struct AccessTests {
    private let alice = KafkaPrincipal(name: "CN=alice,O=Example")
    private let cluster = ResourcePattern.clusterName

    @Test("A parked fetch and a quiet session lose what their reader may read no more")
    func revoked() throws {
        let bench = try BrokerBench.controlled()
        try bench.rule(.allow, alice, .read, .topic, "t")
        bench.principal = alice
        var opening = bench.fetchRequest("t", from: 1, maxWait: 0)
        opening.sessionEpoch = 0
        let opened = try bench.call(opening)
        #expect(opened.sessionId != 0)
        var next = FetchRequest()
        next.sessionId = opened.sessionId
        next.minBytes = 1
        next.maxWaitMs = 400
        // One look makes the partition quiet, and the next one waits for it.
        next.sessionEpoch = 1
        var waiting = try bench.send(next)
        try bench.advance(milliseconds: 400)
        #expect(try #require(try bench.reply(to: waiting)).responses.isEmpty)
        next.sessionEpoch = 2
        waiting = try bench.send(next)
        #expect(try bench.reply(to: waiting) == nil)

        try bench.dropRules()
        // What comes now is not the waiting one's to read.
        try bench.acting(as: BrokerBench.root) { _ = try bench.produce(batch(["secret"]), to: "t") }
        try bench.advance(milliseconds: 400)
        let told = try #require(try bench.reply(to: waiting)).responses.first?.partitions.first
        #expect(told.map { ErrorCode.of($0.errorCode) } == .topicAuthorizationFailed)
        #expect(try told?.values() ?? [] == [])
    }

    @Test("Only who may act for the cluster replicates, and nothing that others say of their logs counts")
    func followers() throws {
        let bench = try BrokerBench.controlled()
        let other = BrokerID(2)
        try bench.changeImage { image in
            image.brokers[other] = BrokerRegistration(endpoints: [])
            image.updateTopic("t") { topic in
                topic.partitions[0] = PartitionImage(replicas: [BrokerBench.brokerID, other])
                let state = PartitionState(
                    leader: BrokerBench.brokerID, leaderEpoch: 3, isr: [BrokerBench.brokerID, other],
                    controllerEpoch: 1)
                topic.partitions[0].setState(state, version: 4)
            }
        }
        let waiting = try bench.send(bench.produceRequest(batch(["two"]), to: "t", 0, acks: -1))
        #expect(!bench.isSettled(waiting.ticket))
        var fetch = bench.fetchRequest("t", from: 2, maxWait: 0)
        fetch.replicaState.replicaId = other.value
        fetch.sessionEpoch = 0
        // A reader of the topic is no replica of it.
        try bench.rule(.allow, alice, .all, .topic, "*")
        try bench.acting(as: alice) {
            let told = try bench.call(fetch)
            #expect(told.sessionId == 0)
            #expect(ErrorCode.of(told.responses[0].partitions[0].errorCode) == .topicAuthorizationFailed)
            #expect(!bench.isSettled(waiting.ticket))
            var incremental = fetch
            incremental.sessionEpoch = 4
            #expect(ErrorCode.of(try bench.call(incremental).errorCode) == .fetchSessionIdNotFound)
        }
        try bench.rule(.allow, alice, .clusterAction, .cluster)
        let told = try bench.acting(as: alice) { try bench.call(fetch) }
        #expect(ErrorCode.of(told.responses[0].partitions[0].errorCode) == .none)
        #expect(bench.isSettled(waiting.ticket))
    }

    @Test("Transactions are of who may write with their id, on a topic that it may write to")
    func transactions() throws {
        let bench = try BrokerBench.controlled()
        let records = batch(["x"], producer: 7, epoch: 0, sequence: 0, isTransactional: true)
        func produce(_ id: String?) throws -> ErrorCode {
            var request = bench.produceRequest(records, to: "t", 0, acks: -1)
            request.transactionalId = id
            return .of(try bench.call(request).responses[0].partitionResponses[0].errorCode)
        }
        try bench.rule(.allow, alice, .write, .topic, "t")
        bench.principal = alice
        #expect(try produce(nil) == .transactionalIdAuthorizationFailed)
        #expect(try produce("till-1") == .transactionalIdAuthorizationFailed)
        try bench.rule(.allow, alice, .write, .transactionalID, "till-", .prefixed)
        #expect(try produce("till-1") != .transactionalIdAuthorizationFailed)
        #expect(try produce("tool-1") == .transactionalIdAuthorizationFailed)
        var request = InitProducerIdRequest()
        request.transactionalId = "tool-1"
        #expect(ErrorCode.of(try bench.call(request).errorCode) == .transactionalIdAuthorizationFailed)
    }

    @Test("Whoever may write somewhere gets the id of an idempotent producer")
    func idempotence() throws {
        let bench = try BrokerBench.controlled()
        bench.principal = alice
        func askID() throws -> ErrorCode {
            var request = InitProducerIdRequest()
            request.transactionalId = nil
            return .of(try bench.call(request).errorCode)
        }
        try bench.rule(.allow, alice, .read, .topic, "t")
        #expect(try askID() == .clusterAuthorizationFailed)
        try bench.rule(.allow, alice, .write, .topic, "till-", .prefixed)
        #expect(try askID() == .none)
        try bench.rule(.deny, alice, .write, .topic, "ti", .prefixed)
        #expect(try askID() == .clusterAuthorizationFailed)
        try bench.rule(.allow, AccessEntry.everybody, .idempotentWrite, .cluster)
        #expect(try askID() == .none)
    }

    private func metadata(
        _ bench: BrokerBench, _ names: [String]?, creates: Bool = true, tellsRights: Bool = false, version: Int16 = 12
    ) throws -> MetadataResponse {
        var request = MetadataRequest()
        request.topics = names?.map { name in
            var topic = MetadataRequest.MetadataRequestTopic()
            topic.name = name
            return topic
        }
        request.allowAutoTopicCreation = creates
        request.includeTopicAuthorizedOperations = tellsRights
        request.includeClusterAuthorizedOperations = tellsRights
        return try bench.call(request, version: version)
    }

    @Test("Metadata hides what may not be described, and makes only topics that its reader may make")
    func metadata() throws {
        let bench = try BrokerBench.controlled()
        try bench.createTopic("hidden")
        try bench.rule(.allow, alice, .read, .topic, "t")
        try bench.rule(.allow, alice, .describe, .topic, "new-", .prefixed)
        bench.principal = alice
        #expect(try metadata(bench, nil).topics.map(\.name) == ["t"])
        #expect(bench.audits.isEmpty, "nobody tried to see the others")
        // One that is not there is told of as one that may not be seen.
        let named = try metadata(bench, ["t", "hidden", "absent", "new-1"]).topics
        #expect(
            named.map { ErrorCode.of($0.errorCode) }
                == [.none, .topicAuthorizationFailed, .topicAuthorizationFailed, .topicAuthorizationFailed])
        #expect(named[1].topicId == .zero && named[1].partitions.isEmpty)
        var byID = MetadataRequest()
        var topic = MetadataRequest.MetadataRequestTopic()
        topic.name = nil
        topic.topicId = try #require(bench.image.topics["hidden"]?.id)
        byID.topics = [topic]
        let told = try bench.call(byID).topics[0]
        #expect(told.name == nil && told.topicId == topic.topicId)
        #expect(ErrorCode.of(told.errorCode) == .topicAuthorizationFailed)
        #expect(
            ErrorCode.of(try metadata(bench, ["new-1"], creates: false).topics[0].errorCode) == .unknownTopicOrPartition
        )
        #expect(bench.image.topics["new-1"] == nil)
        try bench.rule(.allow, alice, .create, .topic, "new-1")
        #expect(ErrorCode.of(try metadata(bench, ["new-1"]).topics[0].errorCode) == .none)
        #expect(bench.image.topics["new-1"] != nil && bench.image.topics["absent"] == nil)
    }

    @Test("Replies tell what their reader may do, where it asks")
    func rights() throws {
        let bench = try BrokerBench.controlled()
        func bits(_ operations: [AccessOperation]) -> Int32 {
            operations.reduce(0) { $0 | 1 << Int32($1.rawValue) }
        }
        try bench.rule(.allow, alice, .read, .topic, "t")
        try bench.rule(.allow, alice, .alterConfigs, .topic, "*")
        try bench.acting(as: alice) {
            let told = try metadata(bench, ["t"], tellsRights: true, version: 10)
            #expect(
                told.topics[0].topicAuthorizedOperations == bits([.read, .describe, .describeConfigs, .alterConfigs]))
            #expect(told.clusterAuthorizedOperations == 0)
            #expect(try metadata(bench, ["t"]).topics[0].topicAuthorizedOperations == .min)
        }
        let all = try metadata(bench, ["t"], tellsRights: true, version: 10)
        #expect(all.topics[0].topicAuthorizedOperations == bits(ResourceType.topic.operations))
        #expect(all.clusterAuthorizedOperations == bits(ResourceType.cluster.operations))
        _ = try bench.call(FindCoordinatorRequest())
    }

    @Test("Who may make a topic and not see settings is told none")
    func creation() throws {
        let bench = try BrokerBench.controlled()
        try bench.rule(.allow, alice, .create, .topic, "mine")
        bench.principal = alice
        let told = try bench.createTopic("mine")
        #expect(ErrorCode.of(told.errorCode) == .none)
        #expect(ErrorCode.of(told.topicConfigErrorCode) == .topicAuthorizationFailed)
        #expect(told.numPartitions == -1 && told.configs?.isEmpty ?? true)
        #expect(try bench.createTopic("yours").errorMessage == "Authorization failed.")
        #expect(bench.image.topics["yours"] == nil)
    }

    @Test("Groups and offsets of others are left out")
    func groups() throws {
        let bench = try BrokerBench.controlled()
        try bench.createTopic("other")
        var find = FindCoordinatorRequest()
        find.coordinatorKeys = ["g"]
        _ = try bench.call(find)
        for group in ["g", "h"] {
            var commit = OffsetCommitRequest()
            commit.groupId = group
            commit.topics = ["t", "other"].map { name in
                var topic = OffsetCommitRequest.OffsetCommitRequestTopic()
                topic.name = name
                topic.partitions = [OffsetCommitRequest.OffsetCommitRequestPartition()]
                return topic
            }
            _ = try bench.call(commit)
        }
        #expect(try bench.call(ListGroupsRequest()).groups.map(\.groupId) == ["g", "h"])
        try bench.rule(.allow, alice, .read, .group, "g")
        try bench.rule(.allow, alice, .read, .topic, "t")
        bench.principal = alice
        #expect(try bench.call(ListGroupsRequest()).groups.map(\.groupId) == ["g"])
        var group = OffsetFetchRequest.OffsetFetchRequestGroup()
        group.groupId = "g"
        group.topics = nil
        var fetch = OffsetFetchRequest()
        fetch.groups = [group]
        #expect(try bench.call(fetch).groups[0].topics.map(\.name) == ["t"])
        fetch.groups[0].topics = ["other", "t"].map { name in
            var topic = OffsetFetchRequest.OffsetFetchRequestTopics()
            topic.name = name
            topic.partitionIndexes = [0]
            return topic
        }
        let told = try bench.call(fetch).groups[0].topics
        #expect(told.map(\.name) == ["t", "other"])
        #expect(told.map { ErrorCode.of($0.partitions[0].errorCode) } == [.none, .topicAuthorizationFailed])
        #expect(told[1].partitions[0].committedOffset == -1)
    }

    @Test("The audit log says in Apache's words who was denied what, and what is permitted only when asked for")
    func audit() throws {
        let bench = try BrokerBench.controlled()
        try bench.rule(.deny, alice, .write, .topic, "pay", .prefixed)
        try bench.acting(as: alice) {
            _ = try bench.produce(batch(["x"]), to: "payments")
            _ = try bench.produce(batch(["x"]), to: "t")
        }
        let start = "Principal = User:CN=alice,O=Example is Denied operation = WRITE from host = 127.0.0.1"
        #expect(
            bench.audits.map(\.text) == [
                "\(start) on resource = Topic:LITERAL:payments for request = Produce with resourceRefCount = 1 "
                    + "based on rule MatchingAcl(acl=StandardAcl(resourceType=TOPIC, resourceName=pay, "
                    + "patternType=PREFIXED, principal=User:CN=alice,O=Example, host=*, operation=WRITE, "
                    + "permissionType=DENY))",
                "\(start) on resource = Topic:LITERAL:t for request = Produce with resourceRefCount = 1 "
                    + "based on rule DefaultDeny",
            ])
        let curious = try BrokerBench.controlled { $0.auditsPermissions = true }
        let audit = try #require(curious.audits.last)
        #expect(audit.isPermitted)
        #expect(audit.text.hasSuffix("for request = Produce with resourceRefCount = 1 based on rule SuperUser"))
    }
}
