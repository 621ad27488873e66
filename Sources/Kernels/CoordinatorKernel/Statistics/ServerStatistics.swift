import Seams
import ZooKeeperProtocol

/// What the server has done since its start or the last `srst`.
package struct ServerStatistics: Sendable {
    package var received: Int64 = 0
    package var sent: Int64 = 0
    /// With their lengths.
    package var receivedBytes: Int64 = 0
    package var sentBytes: Int64 = 0
    package var latency = LatencyStatistics()
    /// Of requests that change nothing, in nanoseconds.
    package var readLatencies = Distribution()
    /// Of requests that change something, in nanoseconds.
    package var updateLatencies = Distribution()
    /// Of replies, without their lengths.
    package var replySizes = SizeStatistics()
    /// First frames of connections.
    package var connectRequests: Int64 = 0
    package var resumedSessions: Int64 = 0
    package var expiredSessions: Int64 = 0
    package var failedAuthentications: Int64 = 0
    package var watchEvents = WatchEventStatistics()

    package init() {}

    /// Ends a window of the distributions.
    mutating func turn() {
        readLatencies.turn()
        updateLatencies.turn()
        watchEvents.turn()
    }
}

/// How many watchers each event had.
package struct WatchEventStatistics: Sendable {
    package var created = Distribution()
    package var deleted = Distribution()
    package var dataChanged = Distribution()
    package var childrenChanged = Distribution()

    mutating func add(_ event: WatchedEvent.Kind, watcherCount: Int) {
        let count = Int64(watcherCount)
        switch event {
        case .nodeCreated: created.add(count)
        case .nodeDeleted: deleted.add(count)
        case .nodeDataChanged: dataChanged.add(count)
        case .nodeChildrenChanged: childrenChanged.add(count)
        }
    }

    mutating func turn() {
        created.turn()
        deleted.turn()
        dataChanged.turn()
        childrenChanged.turn()
    }
}
