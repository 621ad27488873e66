import ClusterModel

/// Whether a cluster has room for forks: they are copies, and the mirror topics beside them go on growing.
package struct DrillCapacity: Sendable, Equatable {
    /// The disks of one broker together.
    package struct Broker: Sendable, Equatable {
        package var broker: BrokerID
        package var totalBytes: Int64
        package var usableBytes: Int64

        package init(broker: BrokerID, totalBytes: Int64, usableBytes: Int64) {
            self.broker = broker
            self.totalBytes = totalBytes
            self.usableBytes = usableBytes
        }
    }

    /// Of what is usable so much stays free for the mirror: one part in so many.
    private static let partKeptFree: Int64 = 10

    /// With all replicas.
    package var neededBytes: Int64
    package var brokerCount: Int
    /// Those that tell what room they have.
    package var brokers: [Broker]

    package init(neededBytes: Int64, brokerCount: Int, brokers: [Broker]) {
        self.neededBytes = neededBytes
        self.brokerCount = brokerCount
        self.brokers = brokers
    }

    /// What a broker has to take when all take the same.
    package var neededBytesPerBroker: Int64 {
        let count = Int64(max(1, brokerCount))
        return neededBytes / count + (neededBytes % count == 0 ? 0 : 1)
    }

    /// Why the forks do not fit, for people; nil when they do, as far as brokers tell.
    package var objection: String? {
        let short = brokers.filter { $0.usableBytes - $0.usableBytes / Self.partKeptFree < neededBytesPerBroker }
        guard let worst = short.min(by: { $0.usableBytes < $1.usableBytes }) else { return nil }
        return
            "the forks need \(neededBytes) bytes with their replicas, some \(neededBytesPerBroker) at each broker, and "
            + "broker \(worst.broker) has \(worst.usableBytes) free, a tenth of which is the mirror's: make room "
            + "there, or choose fewer topics (--topics)"
    }
}
