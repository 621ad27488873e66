import ClusterModel

/// Keeps pumps at every broker of the source that leads anything of a link.
enum BrokerPumps {
    private static let leadersInterval = Duration.seconds(1)

    /// Runs until it is cancelled.
    /// - Parameters:
    ///   - leaders: the brokers that lead anything now.
    ///   - bell: rung when that may have changed.
    ///   - pumps: the work to be done for one broker, each part in a task of its own.
    static func run(
        _ leaders: () -> Set<BrokerID>, _ bell: Bell, _ pumps: (BrokerID) -> [@Sendable () async -> Void]
    ) async {
        await withTaskGroup(of: Void.self) { group in
            var running: Set<BrokerID> = []
            while !Task.isCancelled {
                for broker in leaders().subtracting(running).sorted() {
                    running.insert(broker)
                    for pump in pumps(broker) { group.addTask { await pump() } }
                }
                await bell.wait(atMost: leadersInterval)
            }
        }
    }
}
