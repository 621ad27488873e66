import KafkaProtocol
import KafkaProtocolAdmin
import Logging
import Security
import Synchronization
import Testing
import WireCoding

@testable import MartletClient

@Suite struct AccessRuleRequestTests {
    /// A broker that is its own controller and refuses rules about `refused`.
    private final class AccessBroker: Sendable {
        /// How many rules each request named.
        let counts = Mutex<[Int]>([])
        private let port = Mutex(0)

        func withAdministrator(_ body: (Administrator) async throws -> Void) async throws {
            let broker = FakeBroker([
                .metadata: (9...9, { version, _ in encoded(self.metadata, version) }),
                .createAcls: (
                    3...3,
                    { version, body in
                        do {
                            let request = try WireReader.read(body) { reader throws(MalformedInput) in
                                try CreateAclsRequest(reading: &reader, version: version)
                            }
                            return encoded(self.created(request), version)
                        } catch {
                            Issue.record(error)
                            return nil
                        }
                    }
                ),
                .deleteAcls: (
                    3...3,
                    { version, body in
                        do {
                            let request = try WireReader.read(body) { reader throws(MalformedInput) in
                                try DeleteAclsRequest(reading: &reader, version: version)
                            }
                            return encoded(self.deleted(request), version)
                        } catch {
                            Issue.record(error)
                            return nil
                        }
                    }
                ),
            ])
            try await broker.start()
            port.withLock { $0 = broker.port }
            let client = try KafkaClient(
                ClientSettings(bootstrapServers: [broker.address]), logger: Logger(label: "test"))
            try await body(Administrator(client))
            await client.close()
            try await broker.stop()
        }

        private var metadata: MetadataResponse {
            var itself = MetadataResponse.MetadataResponseBroker()
            itself.nodeId = 1
            itself.host = "127.0.0.1"
            itself.port = Int32(port.withLock { $0 })
            var response = MetadataResponse()
            response.controllerId = 1
            response.brokers = [itself]
            return response
        }

        private func created(_ request: CreateAclsRequest) -> CreateAclsResponse {
            counts.withLock { $0.append(request.creations.count) }
            var response = CreateAclsResponse()
            response.results = request.creations.map { creation in
                var result = CreateAclsResponse.AclCreationResult()
                if creation.resourceName == "refused" { result.errorCode = ErrorCode.invalidRequest.rawValue }
                return result
            }
            return response
        }

        private func deleted(_ request: DeleteAclsRequest) -> DeleteAclsResponse {
            counts.withLock { $0.append(request.filters.count) }
            var response = DeleteAclsResponse()
            response.filterResults = request.filters.map { filter in
                var match = DeleteAclsResponse.DeleteAclsMatchingAcl()
                if filter.resourceNameFilter == "refused" { match.errorCode = ErrorCode.invalidRequest.rawValue }
                var result = DeleteAclsResponse.DeleteAclsFilterResult()
                result.matchingAcls = [match]
                return result
            }
            return response
        }
    }

    private static func rules(_ count: Int) -> [RuleName] {
        let entry = AccessEntry(.allow, .read, to: KafkaPrincipal(name: "alice"))
        return (0..<count).map {
            RuleName(AccessRule(ResourcePattern(.topic, $0 == 0 ? "refused" : "topic-\($0)"), entry))
        }
    }

    @Test("Many rules are named in several requests, and one that is refused does not keep back the others")
    func chunks() async throws {
        for isCreation in [true, false] {
            let broker = AccessBroker()
            try await broker.withAdministrator { administrator in
                await #expect {
                    if isCreation {
                        try await administrator.createAccessRules(Self.rules(2_500))
                    } else {
                        try await administrator.deleteAccessRules(Self.rules(2_500))
                    }
                } throws: { error in
                    guard let fault = error as? ClientFault else { return false }
                    return fault.code == .invalidRequest
                        && fault.description.hasPrefix("ALLOW User:alice READ on topic refused")
                }
            }
            #expect(broker.counts.withLock { $0 } == [1_000, 1_000, 500])
        }
    }

    @Test func nothingIsAskedForNoRules() async throws {
        let broker = AccessBroker()
        try await broker.withAdministrator { administrator in
            try await administrator.createAccessRules([])
            try await administrator.deleteAccessRules([])
            try await administrator.deleteAccessRules(matching: [])
        }
        #expect(broker.counts.withLock { $0 }.isEmpty)
    }
}
