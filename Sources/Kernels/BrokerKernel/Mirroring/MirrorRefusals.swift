import Controller
import KafkaProtocol

/// Why what a mirror asks of a partition is refused; nothing was done.
struct MirrorRefusal: Error {
    var error: ErrorCode
    var message: String?

    init(_ error: ErrorCode, _ message: String? = nil) {
        self.error = error
        self.message = message
    }

    /// For who may not act for the cluster.
    static let unauthorized = MirrorRefusal(.clusterAuthorizationFailed, "Cluster authorization failed.")
}

extension MirrorStanding {
    /// Why clients may not write to the topic, and what to do; nil when they may.
    func objectionToWriting(_ topic: String) -> String? {
        switch state {
        case .ordinary: nil
        case .mirroring:
            "\(topic) is a mirror topic of link \(link): it is read-only until it is promoted (martlet mirror promote)"
        case .promoting:
            "\(topic) is being promoted, by link \(link): it is read-only until that is done (martlet mirror failover goes "
                + "on with it)"
        case .fenced:
            "the home of \(topic) has moved to another cluster by link \(link) (home epoch \(homeEpoch)): it is "
                + "read-only here (martlet mirror failback, or failover the other way where that cluster is lost)"
        }
    }
}

extension TopicConfigKey {
    /// The setting of topics with this name that clients may set.
    static func settable(_ name: String) throws(AdminRefusal) -> TopicConfigKey {
        if let key = named(name) { return key }
        if MirrorStanding.keys.contains(name) {
            throw AdminRefusal(.invalidConfig, "\(name) is set by martlet mirror")
        }
        throw AdminRefusal(.invalidConfig, "Unknown topic config name: \(name)")
    }
}
