import ArgumentParser
import ClusterModel
import KafkaProtocol
import MartletClient

/// The part of a reassignment that says in which data directories of their brokers replicas are to lie.
struct DirectoryPlacement {
    /// By broker, paths.
    private let directories: [BrokerID: [TopicPartition: String]]
    private let administrator: Administrator

    /// How long replicas may take to come to their brokers, as with Apache's tool.
    private static let patience = Duration.seconds(10)

    init(_ directories: [BrokerID: [TopicPartition: String]], _ administrator: Administrator) {
        self.directories = directories
        self.administrator = administrator
    }

    private var brokers: [BrokerID] { directories.keys.sorted() }

    /// Tells brokers where replicas are to lie, also those that are not there yet.
    func begin() async throws {
        for broker in brokers { _ = try await move(directories[broker] ?? [:], on: broker) }
    }

    /// Goes on until every replica has come to its broker and begins to move, or is where it belongs.
    func finishBeginning() async throws {
        let deadline = ContinuousClock.now + Self.patience
        for broker in brokers {
            var missing = directories[broker] ?? [:]
            while true {
                let absent = try await move(missing, on: broker)
                missing = missing.filter { absent.contains($0.key) }
                if missing.isEmpty { break }
                guard ContinuousClock.now < deadline else {
                    let names = missing.keys.sorted().map(\.description).joined(separator: ", ")
                    throw CommandFailure("not on broker \(broker) in time: \(names)")
                }
                try await Task.sleep(for: .milliseconds(100))
            }
            for (partition, path) in (directories[broker] ?? [:]).sorted(by: { $0.key < $1.key }) {
                print("\(partition) on broker \(broker): moves to \(path)")
            }
        }
    }

    /// - Returns: those that are not on the broker yet.
    private func move(_ paths: [TopicPartition: String], on broker: BrokerID) async throws -> Set<TopicPartition> {
        var absent: Set<TopicPartition> = []
        for (partition, refusal) in try await administrator.moveReplicas(on: broker, to: paths).sorted(by: {
            $0.key < $1.key
        }) {
            guard refusal == .replicaNotAvailable else {
                throw CommandFailure("\(partition) on broker \(broker): \(refusal)")
            }
            absent.insert(partition)
        }
        return absent
    }

    /// Prints which replicas are where they belong. False when one is not.
    func verify() async throws -> Bool {
        var isDone = true
        for broker in brokers {
            let found = try await administrator.directories(of: broker)
            for (partition, path) in (directories[broker] ?? [:]).sorted(by: { $0.key < $1.key }) {
                let state: String
                switch found[path]??[partition] {
                case nil: state = "is not in \(path)"
                case let replica? where replica.isFuture:
                    state = "still moving to \(path), \(replica.lag) records behind"
                default:
                    print("\(partition) on broker \(broker): done")
                    continue
                }
                print("\(partition) on broker \(broker): \(state)")
                isDone = false
            }
        }
        return isDone
    }
}
