import ClusterModel
import KafkaProtocol
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Transport
import WireCoding

/// One cluster, as all its producers, consumers and administrators of this process see it: connections that are shared,
/// and what is known of brokers and topics.
public final class KafkaClient: Sendable {
    /// Whom a request is for.
    package enum Destination: Sendable {
        case any
        case controller
        case broker(BrokerID)
        case leader(TopicPartition)
        case groupCoordinator(String)
        case transactionCoordinator(String)
    }

    private struct State {
        var connections: [ClientSettings.Address: Task<BrokerConnection, any Error>] = [:]
        var metadata: ClusterMetadata?
        /// When a topic was last asked for.
        var freshness: [String: ContinuousClock.Instant] = [:]
        var coordinators: [String: ClientSettings.Address] = [:]
        var isClosed = false
    }

    public let settings: ClientSettings
    package let group: any EventLoopGroup
    package let logger: Logger
    private let tls: TLSContexts?
    private let names: TopicNames?
    private let state = Mutex(State())

    /// Makes no connection yet. Throws when certificates cannot be read.
    public convenience init(
        _ settings: ClientSettings, group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton, logger: Logger
    ) throws {
        try self.init(settings, names: nil, group: group, logger: logger)
    }

    /// - Parameter names: of the cluster's topics, as all who use the client call them; nil for the cluster's own.
    package init(
        _ settings: ClientSettings, names: TopicNames?, group: any EventLoopGroup, logger: Logger
    ) throws {
        self.names = names
        self.settings = settings
        self.group = group
        self.logger = logger
        tls = settings.securityProtocol.usesTLS ? try TLSContexts(settings.tls, role: .client, logger: logger) : nil
    }

    /// A certificate that the settings name.
    package struct Certificate: Sendable, Equatable {
        /// The file, or the settings key, that holds it.
        package var place: String
        package var subject: String
        /// In seconds since 1970.
        package var endsAtUnixSeconds: Int64
    }

    /// The client's certificate with its chain, and the authorities it trusts, as the files have them now; none without
    /// TLS. Throws when a file cannot be read.
    package func certificates() throws -> [Certificate] {
        guard settings.securityProtocol.usesTLS else { return [] }
        return try CertificateValidity.all(in: settings.tls).map {
            Certificate(place: $0.place, subject: $0.subject, endsAtUnixSeconds: $0.endsAtUnixSeconds)
        }
    }

    /// Ends all connections; whoever waits for an answer is told so.
    public func close() async {
        let connections = state.withLock { state in
            state.isClosed = true
            defer { state.connections = [:] }
            return Array(state.connections.values)
        }
        for task in connections {
            task.cancel()
            if case .success(let connection) = await task.result { connection.close() }
        }
    }

    // MARK: Connections

    /// The shared connection to a broker; made when there is none, or when the one there was has ended.
    package func connection(to address: ClientSettings.Address) async throws -> BrokerConnection {
        let standing = state.withLock { $0.connections[address] }
        if let standing {
            if case .success(let connection) = await standing.result, connection.isOpen { return connection }
            state.withLock { if $0.connections[address] == standing { $0.connections[address] = nil } }
        }
        let task = try state.withLock { state throws(ClientFault) in
            if state.isClosed { throw ClientFault(.misused, "the client is closed") }
            if let begun = state.connections[address] { return begun }
            let task = Task { [settings, names, tls, group, logger] in
                try await BrokerConnection.open(
                    address, settings: settings, names: names, tls: tls, on: group, logger: logger)
            }
            state.connections[address] = task
            return task
        }
        return try await task.value
    }

    package func connection(to broker: BrokerID) async throws -> BrokerConnection {
        if let address = state.withLock({ $0.metadata?.brokers[broker] }) { return try await connection(to: address) }
        guard let address = try await refreshMetadata(topics: []).brokers[broker] else {
            throw ClientFault(.unreachable, "the cluster does not know a broker \(broker)")
        }
        return try await connection(to: address)
    }

    /// A connection to any broker that answers: one that is open, one that is known, one to begin with.
    private func connectionToAny() async throws -> BrokerConnection {
        let known = state.withLock { state in
            Array(state.connections.keys) + (state.metadata.map { Array($0.brokers.values) } ?? [])
        }
        var fault: any Error = ClientFault(.unreachable, "there is no bootstrap server")
        for address in known + settings.bootstrapServers {
            do {
                return try await connection(to: address)
            } catch {
                fault = error
            }
        }
        throw fault
    }

    // MARK: Metadata

    /// Asks for topics (nil: all) and remembers the answer. Topics that do not exist are not created and are absent
    /// from what is returned.
    @discardableResult
    package func refreshMetadata(topics: [String]?) async throws -> ClusterMetadata {
        var request = MetadataRequest()
        request.allowAutoTopicCreation = false
        request.topics = topics.map { names in
            names.map { name in
                var topic = MetadataRequest.MetadataRequestTopic()
                topic.name = name
                return topic
            }
        }
        let answer = ClusterMetadata(try await connectionToAny().send(request))
        return state.withLock { state in
            if let topics {
                for gone in topics where answer.topics[gone] == nil { state.metadata?.topics[gone] = nil }
            } else {
                state.metadata?.topics = [:]
            }
            if state.metadata == nil { state.metadata = answer } else { state.metadata?.update(answer) }
            let now = ContinuousClock.now
            for name in topics ?? Array(answer.topics.keys) { state.freshness[name] = now }
            return state.metadata ?? answer
        }
    }

    /// What is known of a topic, asked for when it is unknown or too old. Throws UNKNOWN_TOPIC_OR_PARTITION.
    package func topic(_ name: String) async throws -> ClusterMetadata.Topic {
        let oldest = ContinuousClock.now - settings.metadataMaximumAge
        let known = state.withLock { state in
            (state.freshness[name] ?? oldest) > oldest ? state.metadata?.topics[name] : nil
        }
        if let known { return known }
        guard let found = try await refreshMetadata(topics: [name]).topics[name] else {
            throw ClientFault.refused(.unknownTopicOrPartition, "topic \(name)")
        }
        return found
    }

    /// Forgets who leads and coordinates, so that the next request asks anew.
    package func forgetPlaces() {
        state.withLock { state in
            state.freshness = [:]
            state.coordinators = [:]
        }
    }

    /// The broker that leads a partition. Throws LEADER_NOT_AVAILABLE while there is none.
    package func leader(of partition: TopicPartition) async throws -> BrokerID {
        let topic = try await topic(partition.topic)
        guard topic.partitions.indices.contains(Int(partition.partition)) else {
            throw ClientFault.refused(.unknownTopicOrPartition, "\(partition)")
        }
        guard let leader = topic.partitions[Int(partition.partition)].leader else {
            throw ClientFault.refused(.leaderNotAvailable, "\(partition)")
        }
        return leader
    }

    // MARK: Requests

    /// Finds the broker that a request is for.
    package func connection(for destination: Destination) async throws -> BrokerConnection {
        switch destination {
        case .any: return try await connectionToAny()
        case .broker(let broker): return try await connection(to: broker)
        case .leader(let partition): return try await connection(to: try await leader(of: partition))
        case .controller:
            guard let controller = try await refreshMetadata(topics: []).controller else {
                throw ClientFault.refused(.notController, "the cluster has no controller now")
            }
            return try await connection(to: controller)
        case .groupCoordinator(let name): return try await connection(to: try await coordinator(name, keyType: 0))
        case .transactionCoordinator(let name):
            return try await connection(to: try await coordinator(name, keyType: 1))
        }
    }

    private func coordinator(_ name: String, keyType: Int8) async throws -> ClientSettings.Address {
        let cacheKey = "\(keyType)\(name)"
        if let known = state.withLock({ $0.coordinators[cacheKey] }) { return known }
        var request = FindCoordinatorRequest()
        request.key = name
        request.coordinatorKeys = [name]
        request.keyType = keyType
        let answer = try await connectionToAny().send(request)
        let address: ClientSettings.Address
        if let found = answer.coordinators.first {
            try ClientFault.check(found.errorCode, "coordinator of \(name)", found.errorMessage)
            address = ClientSettings.Address(host: found.host, port: Int(found.port))
        } else {
            try ClientFault.check(answer.errorCode, "coordinator of \(name)", answer.errorMessage)
            address = ClientSettings.Address(host: answer.host, port: Int(answer.port))
        }
        state.withLock { $0.coordinators[cacheKey] = address }
        return address
    }

    /// One attempt at one request. Error codes in the answer are the caller's to look at.
    package func send<Request: KafkaRequest>(
        _ request: Request, to destination: Destination, atMost highest: Int16 = .max, timeout: Duration? = nil
    ) async throws -> Request.Response {
        try await connection(for: destination).send(request, atMost: highest, timeout: timeout)
    }

    /// Does `attempt` again after retriable faults, with growing waits, until the operation's time is over; then throws
    /// the last fault. Warns once when that takes longer than a moment: somebody may be waiting at a terminal.
    package func retrying<Value: Sendable>(
        within limit: Duration? = nil, _ attempt: () async throws -> Value
    ) async throws -> Value {
        let deadline = ContinuousClock.now + (limit ?? settings.operationTimeout)
        var wait = settings.retryBackoff
        var hasWarned = false
        while true {
            do {
                return try await attempt()
            } catch let fault as ClientFault where fault.isRetriable && ContinuousClock.now + wait < deadline {
                let isLong = wait >= settings.maximumRetryBackoff
                logger.log(level: isLong && !hasWarned ? .warning : .debug, "trying again after: \(fault)")
                hasWarned = hasWarned || isLong
                forgetPlaces()
                try await Task.sleep(for: wait * Double.random(in: 0.8...1.2))
                wait = min(wait * 2, settings.maximumRetryBackoff)
            }
        }
    }
}
