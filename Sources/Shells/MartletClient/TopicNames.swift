import KafkaProtocol
import KafkaProtocolAdmin
import KafkaProtocolClusters
import KafkaProtocolGroups

/// The names under which a client speaks of a cluster's topics, where these are not the cluster's own: they are replaced
/// in every request and every answer, so that nobody above the connection knows of any others.
///
/// Names in rules of access are left as they are: patterns are no names.
package struct TopicNames: Sendable {
    private let there: @Sendable (String) -> String
    private let here: @Sendable (String) -> String

    /// - Parameters:
    ///   - there: the cluster's name of a topic; it is told no name twice, and undoes `here`.
    ///   - here: the client's.
    package init(there: @escaping @Sendable (String) -> String, here: @escaping @Sendable (String) -> String) {
        self.there = there
        self.here = here
    }

    func there<Message>(_ request: Message) throws(ClientFault) -> Message { try Self.renamed(request, there) }

    func here<Message>(_ answer: Message) throws(ClientFault) -> Message { try Self.renamed(answer, here) }

    /// Throws where nobody has said which names of topics there are in such a message: none goes out, or comes in, with a
    /// name that means another topic.
    private static func renamed<Message>(
        _ message: Message, _ name: (String) -> String
    ) throws(ClientFault) -> Message {
        if message is any NamesNoTopics { return message }
        guard var naming = message as? any NamesTopics else {
            throw ClientFault(.misused, "\(Message.self) does not go to a cluster whose topics have other names here")
        }
        naming.rename { $0.isEmpty ? $0 : name($0) }
        guard let renamed = naming as? Message else { preconditionFailure("\(Message.self) became another message") }
        return renamed
    }
}

/// A message with names of topics.
private protocol NamesTopics {
    /// Replaces them all.
    mutating func rename(_ name: (String) -> String)
}

/// A message that has none; of topics it may have ids.
private protocol NamesNoTopics {}

extension Array {
    /// Replaces something in each.
    fileprivate mutating func each(_ change: (inout Element) -> Void) { for index in indices { change(&self[index]) } }
}

// MARK: Which topics there are

extension FindCoordinatorRequest: NamesNoTopics {}
extension FindCoordinatorResponse: NamesNoTopics {}

extension MetadataRequest: NamesTopics {
    mutating func rename(_ name: (String) -> String) { topics?.each { $0.name = $0.name.map(name) } }
}

extension MetadataResponse: NamesTopics {
    mutating func rename(_ name: (String) -> String) { topics.each { $0.name = $0.name.map(name) } }
}

// MARK: Logs

extension FetchRequest: NamesTopics {
    mutating func rename(_ name: (String) -> String) {
        topics.each { $0.topic = name($0.topic) }
        forgottenTopicsData.each { $0.topic = name($0.topic) }
    }
}

extension FetchResponse: NamesTopics {
    mutating func rename(_ name: (String) -> String) { responses.each { $0.topic = name($0.topic) } }
}

extension ListOffsetsRequest: NamesTopics {
    mutating func rename(_ name: (String) -> String) { topics.each { $0.name = name($0.name) } }
}

extension ListOffsetsResponse: NamesTopics {
    mutating func rename(_ name: (String) -> String) { topics.each { $0.name = name($0.name) } }
}

extension OffsetForLeaderEpochRequest: NamesTopics {
    mutating func rename(_ name: (String) -> String) { topics.each { $0.topic = name($0.topic) } }
}

extension OffsetForLeaderEpochResponse: NamesTopics {
    mutating func rename(_ name: (String) -> String) { topics.each { $0.topic = name($0.topic) } }
}

extension LogDigestRequest: NamesTopics {
    mutating func rename(_ name: (String) -> String) { topics.each { $0.name = name($0.name) } }
}

extension LogDigestResponse: NamesTopics {
    mutating func rename(_ name: (String) -> String) { topics.each { $0.name = name($0.name) } }
}

// MARK: Homes

extension MirrorAlterRequest: NamesTopics {
    mutating func rename(_ name: (String) -> String) { topics.each { $0.name = name($0.name) } }
}

extension MirrorAlterResponse: NamesTopics {
    mutating func rename(_ name: (String) -> String) { topics.each { $0.name = name($0.name) } }
}

extension MirrorDescribeRequest: NamesTopics {
    mutating func rename(_ name: (String) -> String) { topics.each { $0.name = name($0.name) } }
}

extension MirrorDescribeResponse: NamesTopics {
    mutating func rename(_ name: (String) -> String) { topics.each { $0.name = name($0.name) } }
}

extension MirrorConfirmRequest: NamesNoTopics {}
extension MirrorConfirmResponse: NamesNoTopics {}

// MARK: Groups

extension ListGroupsRequest: NamesNoTopics {}
extension ListGroupsResponse: NamesNoTopics {}

extension OffsetFetchRequest: NamesTopics {
    mutating func rename(_ name: (String) -> String) {
        topics?.each { $0.name = name($0.name) }
        groups.each { $0.topics?.each { $0.name = name($0.name) } }
    }
}

extension OffsetFetchResponse: NamesTopics {
    mutating func rename(_ name: (String) -> String) {
        topics.each { $0.name = name($0.name) }
        groups.each { $0.topics.each { $0.name = name($0.name) } }
    }
}

// MARK: Settings, users, rules

/// What a configuration is of.
private let topicType: Int8 = 2

extension DescribeConfigsRequest: NamesTopics {
    mutating func rename(_ name: (String) -> String) {
        resources.each { if $0.resourceType == topicType { $0.resourceName = name($0.resourceName) } }
    }
}

extension DescribeConfigsResponse: NamesTopics {
    mutating func rename(_ name: (String) -> String) {
        results.each { if $0.resourceType == topicType { $0.resourceName = name($0.resourceName) } }
    }
}

extension IncrementalAlterConfigsRequest: NamesTopics {
    mutating func rename(_ name: (String) -> String) {
        resources.each { if $0.resourceType == topicType { $0.resourceName = name($0.resourceName) } }
    }
}

extension IncrementalAlterConfigsResponse: NamesTopics {
    mutating func rename(_ name: (String) -> String) {
        responses.each { if $0.resourceType == topicType { $0.resourceName = name($0.resourceName) } }
    }
}

extension DescribeClientQuotasRequest: NamesNoTopics {}
extension DescribeClientQuotasResponse: NamesNoTopics {}
extension DescribeUserScramCredentialsRequest: NamesNoTopics {}
extension DescribeUserScramCredentialsResponse: NamesNoTopics {}
extension MirrorCredentialsRequest: NamesNoTopics {}
extension MirrorCredentialsResponse: NamesNoTopics {}
extension DescribeAclsRequest: NamesNoTopics {}
extension DescribeAclsResponse: NamesNoTopics {}
