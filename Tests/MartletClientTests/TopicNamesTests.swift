import KafkaProtocol
import KafkaProtocolAdmin
import KafkaProtocolGroups
import Testing

@testable import MartletClient

@Suite struct TopicNamesTests {
    private let names = TopicNames(there: { String($0.dropFirst(2)) }, here: { "a.\($0)" })

    @Test func requestsAndAnswersAreRenamed() throws {
        var request = MetadataRequest()
        request.topics = [.init(), .init()]
        request.topics?[0].name = "a.orders"
        request.topics?[1].name = nil
        #expect(try names.there(request).topics?.map(\.name) == ["orders", nil])
        var answer = MetadataResponse()
        answer.topics = [.init()]
        answer.topics[0].name = "orders"
        #expect(try names.here(answer).topics.map(\.name) == ["a.orders"])
        var all = OffsetFetchRequest()
        all.topics = nil
        #expect(try names.there(all).topics == nil)
    }

    @Test func onlyTopicsAreRenamed() throws {
        var request = DescribeConfigsRequest()
        request.resources = [.init(), .init()]
        (request.resources[0].resourceType, request.resources[0].resourceName) = (2, "a.orders")
        (request.resources[1].resourceType, request.resources[1].resourceName) = (4, "17")
        #expect(try names.there(request).resources.map(\.resourceName) == ["orders", "17"])
        var fetch = FetchResponse()
        fetch.responses = [.init()]
        // From version 13 on topics have ids only.
        #expect(try names.here(fetch).responses.map(\.topic) == [""])
        var group = FindCoordinatorRequest()
        group.key = "a.group"
        #expect(try names.there(group).key == "a.group")
    }

    @Test func whatNobodyHasThoughtOfIsNotSent() {
        #expect(throws: ClientFault.self) { try names.there(DeleteTopicsRequest()) }
    }
}
