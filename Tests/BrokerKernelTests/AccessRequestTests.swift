import BrokerKernel
import Controller
import KafkaProtocol
import KafkaProtocolAdmin
import Security
import Testing

@Suite("Rules of access, asked for by administrators")
struct AccessRequestTests {
    private let alice = KafkaPrincipal(name: "CN=alice,O=Example")
    private let orders = ResourcePattern(.topic, "orders")

    static func describing(
        type: Int8 = 1, name: String? = nil, form: Int8 = 1, principal: String? = nil
    ) -> DescribeAclsRequest {
        var request = DescribeAclsRequest()
        request.resourceTypeFilter = type
        request.resourceNameFilter = name
        request.patternTypeFilter = form
        request.principalFilter = principal
        request.hostFilter = nil
        request.operation = 1
        request.permissionType = 1
        return request
    }

    private func creation(
        type: Int8 = 2, _ name: String = "orders", form: Int8 = 3, principal: String = "User:CN=alice,O=Example",
        host: String = "*", operation: Int8 = 3, permission: Int8 = 3
    ) -> CreateAclsRequest.AclCreation {
        var creation = CreateAclsRequest.AclCreation()
        creation.resourceType = type
        creation.resourceName = name
        creation.resourcePatternType = form
        creation.principal = principal
        creation.host = host
        creation.operation = operation
        creation.permissionType = permission
        return creation
    }

    private func create(
        _ bench: BrokerBench, _ creations: CreateAclsRequest.AclCreation...
    ) throws -> [ErrorCode] {
        var request = CreateAclsRequest()
        request.creations = creations
        return try bench.call(request).results.map { .of($0.errorCode) }
    }

    private func deletion(
        type: Int8 = 2, _ name: String? = "orders", form: Int8 = 3, principal: String? = nil, host: String? = nil,
        operation: Int8 = 1, permission: Int8 = 1
    ) -> DeleteAclsRequest.DeleteAclsFilter {
        var filter = DeleteAclsRequest.DeleteAclsFilter()
        filter.resourceTypeFilter = type
        filter.resourceNameFilter = name
        filter.patternTypeFilter = form
        filter.principalFilter = principal
        filter.hostFilter = host
        filter.operation = operation
        filter.permissionType = permission
        return filter
    }

    private func delete(
        _ bench: BrokerBench, _ filters: DeleteAclsRequest.DeleteAclsFilter...
    ) throws -> [DeleteAclsResponse.DeleteAclsFilterResult] {
        var request = DeleteAclsRequest()
        request.filters = filters
        return try bench.call(request).filterResults
    }

    @Test("Rules are made, told and deleted, and count at once")
    func lifeOfRules() throws {
        let bench = try BrokerBench.controlled()
        try bench.createTopic("orders")
        #expect(try bench.acting(as: alice) { try Self.mayRead(bench) } == .topicAuthorizationFailed)
        #expect(
            try create(
                bench, creation(), creation(operation: 8), creation("ord", form: 4, operation: 4, permission: 2))
                == [.none, .none, .none])
        #expect(try bench.acting(as: alice) { try Self.mayRead(bench) } == .none)
        #expect(
            bench.image.access.entries(of: orders)
                == [AccessEntry(.allow, .read, to: alice), AccessEntry(.allow, .describe, to: alice)])

        let told = try bench.call(Self.describing()).resources
        #expect(told.map(\.resourceName) == ["orders", "ord"])
        #expect(told.map(\.patternType) == [3, 4])
        #expect(told.map { $0.acls.map(\.operation) } == [[3, 8], [4]])
        #expect(try bench.call(Self.describing(type: 2, name: "orders", form: 2)).resources.count == 2)
        #expect(try bench.call(Self.describing(principal: "User:bob")).resources.isEmpty)
        // Version 0 knows of no prefixes.
        #expect(try bench.call(Self.describing(), version: 0).resources.map(\.resourceName) == ["orders"])

        let results = try delete(bench, deletion(operation: 3), deletion())
        #expect(results.map { $0.matchingAcls.map(\.operation) } == [[3], [8]])
        #expect(results.allSatisfy { $0.matchingAcls.allSatisfy { $0.errorCode == 0 } })
        #expect(try bench.acting(as: alice) { try Self.mayRead(bench) } == .topicAuthorizationFailed)
        #expect(try delete(bench, deletion())[0].matchingAcls.isEmpty)
        #expect(bench.image.access.rules(matching: AccessFilter()).count == 1)
    }

    private static func mayRead(_ bench: BrokerBench) throws -> ErrorCode {
        let told = try bench.call(bench.fetchRequest("orders", from: 0, maxWait: 0))
        return .of(told.responses.first?.partitions.first?.errorCode ?? told.errorCode)
    }

    @Test("What cannot be a rule is refused, each for itself, and the others are made")
    func refusals() throws {
        let bench = try BrokerBench.controlled()
        #expect(
            try create(
                bench, creation(), creation(type: 4, "my-cluster"), creation(""), creation("a/b"),
                creation(principal: "alice"), creation(type: 1), creation(type: 99), creation(form: 1),
                creation(form: 2), creation(operation: 1), creation(operation: 0), creation(permission: 1),
                creation(host: ""), creation(type: 4, ResourcePattern.clusterName))
                == [.none] + Array(repeating: .invalidRequest, count: 12) + [.none])
        #expect(bench.image.access.rules(matching: AccessFilter()).count == 2)
        #expect(ErrorCode.of(try bench.call(Self.describing(type: 0)).errorCode) == .invalidRequest)
        #expect(ErrorCode.of(try bench.call(Self.describing(form: 9)).errorCode) == .invalidRequest)
        let results = try delete(bench, deletion(type: 0), deletion(operation: 77), deletion())
        #expect(results.map { ErrorCode.of($0.errorCode) } == [.invalidRequest, .invalidRequest, .none])
        #expect(results.map(\.matchingAcls.count) == [0, 0, 1])
    }

    @Test("A rule that this broker has not heard of yet is deleted by its full name")
    func unheardOf() throws {
        let bench = try BrokerBench.controlled()
        let exactly = deletion(principal: alice.description, host: "*", operation: 3, permission: 3)
        #expect(try delete(bench, exactly)[0].matchingAcls.isEmpty)
        try bench.rule(.allow, alice, .read, .topic, "orders")
        #expect(try delete(bench, exactly)[0].matchingAcls.count == 1)
        #expect(bench.image.access.isEmpty)
    }

    @Test("A tree that does not answer is told, of each rule")
    func noTree() throws {
        let bench = try BrokerBench.controlled()
        try bench.rule(.allow, alice, .read, .topic, "orders")
        bench.isTreeAvailable = false
        #expect(try create(bench, creation("new"), creation("other")) == [.requestTimedOut, .requestTimedOut])
        let told = try delete(bench, deletion())[0].matchingAcls
        #expect(told.map { ErrorCode.of($0.errorCode) } == [.requestTimedOut])
    }

    @Test("Without an authorizer there are no rules to ask for, and nobody is asked anything")
    func disabled() throws {
        let bench = try BrokerBench()
        let told = try bench.call(Self.describing())
        #expect(ErrorCode.of(told.errorCode) == .securityDisabled)
        #expect(told.errorMessage == "No Authorizer is configured on the broker")
        #expect(try create(bench, creation()) == [.securityDisabled])
        #expect(try delete(bench, deletion()).map { ErrorCode.of($0.errorCode) } == [.securityDisabled])
        try bench.changeImage { $0.access.set(orders, [AccessEntry(.deny, .all, to: AccessEntry.everybody)]) }
        try bench.createTopic("orders")
        #expect(try Self.mayRead(bench) == .none)
        #expect(bench.audits.isEmpty)
    }
}
