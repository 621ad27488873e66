import ClusterModel
import KafkaProtocol
import MartletClient
import Mirroring
import NIOCore
import Records

/// Reads what was decided about links to one cluster, which keeps it in a topic of its own: a record's key is the name of
/// a link, its value the decision, and the latest of a link counts. A record without a value takes its decision back.
struct DecisionReader: Sendable {
    static let topic = "mirror-links.internal"
    static let partition = TopicPartition(topic: topic, partition: 0)

    /// One record as it was read.
    struct Entry: Sendable {
        var offset: Offset
        /// nil when a decision was taken back.
        var decision: Result<LinkDecision, LinkDecision.Unreadable>?

        /// nil also for what cannot be read.
        var known: LinkDecision? {
            guard case .success(let decision)? = decision else { return nil }
            return decision
        }
    }

    private let client: KafkaClient
    /// How long a look waits at the end of the topic for something new.
    private let wait: Duration
    /// Where it is read next; nil before the topic was found.
    private(set) var position: Offset?
    /// Of each link, in order.
    private(set) var entries: [String: [Entry]] = [:]
    /// Whether all has been read that was there, or there is no topic.
    private(set) var isComplete = false

    init(_ client: KafkaClient, waiting wait: Duration) {
        self.client = client
        self.wait = wait
    }

    /// Reads what is there, to the end; nothing when there is no such topic.
    static func all(_ client: KafkaClient) async throws -> DecisionReader {
        var reader = DecisionReader(client, waiting: .zero)
        try await client.retrying {
            repeat { try await reader.look() } while !reader.isComplete
        }
        return reader
    }

    var decisions: LinkDecisions {
        var decisions = LinkDecisions()
        for (link, entries) in entries {
            switch entries.last?.decision {
            case .success(let decision): decisions.known[link] = decision
            case .failure(let unreadable): decisions.unreadable[link] = unreadable.description
            case nil: break
            }
        }
        return decisions
    }

    /// Reads on: one fetch, or one look whether the topic is there. A topic that is gone leaves what was read from it.
    mutating func look() async throws {
        guard let position else { return try await find() }
        var fetch = RawFetch()
        fetch.maximumWait = wait
        let connection = try await client.connection(for: .leader(Self.partition))
        guard let answer = try await fetch([(Self.partition, position)], on: connection).first else {
            throw ClientFault.refused(.unknownTopicOrPartition, Self.topic)
        }
        if answer.error == .offsetOutOfRange {
            // It was made anew, or its beginning is gone.
            self.position = nil
            isComplete = false
            return
        }
        if answer.error != .none { client.forgetPlaces() }
        try ClientFault.check(answer.error.rawValue, Self.topic)
        let (records, next) = try KafkaClient.records(in: answer.records, from: position, before: .max)
        for record in records { take(record) }
        self.position = next
        isComplete = next >= answer.highWatermark
    }

    private mutating func take(_ record: Record) {
        guard let key = record.key else { return }
        var entry = Entry(offset: record.offset)
        if let value = record.value {
            do {
                entry.decision = .success(try LinkDecision(value: value))
            } catch {
                entry.decision = .failure(LinkDecision.Unreadable(description: "\(error)"))
            }
        }
        entries[String(buffer: key), default: []].append(entry)
    }

    /// Looks for the topic. Nothing is known of one that may not be seen, so it counts as absent.
    private mutating func find() async throws {
        var request = MetadataRequest()
        request.allowAutoTopicCreation = false
        var named = MetadataRequest.MetadataRequestTopic()
        named.name = Self.topic
        request.topics = [named]
        let told = try await client.send(request, to: .any).topics.first
        switch ErrorCode(rawValue: told?.errorCode ?? 0) {
        case .unknownTopicOrPartition, .topicAuthorizationFailed: isComplete = true
        default:
            try ClientFault.check(told?.errorCode ?? 0, Self.topic)
            position = try await Administrator(client).offsets(.earliest, of: [Self.partition])[Self.partition]?.offset
            entries = [:]
            isComplete = false
        }
    }
}
