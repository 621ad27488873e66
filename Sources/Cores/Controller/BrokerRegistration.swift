import ClusterModel

/// Where clients reach a broker by one of its listeners.
package struct BrokerEndpoint: Sendable, Hashable {
    /// Upper case, as in `listeners`.
    package var listenerName: String
    /// `PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`.
    package var securityProtocol: String
    /// As advertised: a name or an address, IPv6 without brackets.
    package var host: String
    package var port: Int32

    package init(listenerName: String, securityProtocol: String, host: String, port: Int32) {
        self.listenerName = listenerName
        self.securityProtocol = securityProtocol
        self.host = host
        self.port = port
    }
}

/// One broker as it has registered itself (`/brokers/ids/<id>`).
package struct BrokerRegistration: Sendable, Equatable {
    package var endpoints: [BrokerEndpoint]
    package var rack: String?
    /// The zxid that created the registration: grows with every start of the broker; -1 before it is registered.
    package var epoch: Int64
    /// Whether a Martlet broker wrote it. Apache's brokers cannot share a live cluster with ours.
    package var isMartlet: Bool
    /// The `directory.id` of the log directory it holds the lock of: a process that registers with the same one knows
    /// that the process of an earlier registration is dead.
    package var logDirectoryID: KafkaUUID?
    /// Whether it is about to stop, and waits for the controller to take its leaderships away.
    package var isShuttingDown: Bool
    /// Replicas on it that it cannot serve, because a disk failed or their files are unsound.
    package var offlineReplicas: Set<TopicPartition> = []

    package init(
        endpoints: [BrokerEndpoint], rack: String? = nil, epoch: Int64 = -1, isMartlet: Bool = true,
        logDirectoryID: KafkaUUID? = nil, isShuttingDown: Bool = false
    ) {
        self.endpoints = endpoints
        self.rack = rack
        self.epoch = epoch
        self.isMartlet = isMartlet
        self.logDirectoryID = logDirectoryID
        self.isShuttingDown = isShuttingDown
    }

    /// The endpoint clients of the listener `name` are sent to; nil when the broker does not have that listener.
    package func endpoint(ofListener name: String) -> BrokerEndpoint? {
        endpoints.first { $0.listenerName == name }
    }
}
