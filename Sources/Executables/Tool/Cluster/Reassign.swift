import ArgumentParser
import ClusterModel
import Controller
import MartletClient
import Platform

/// `martlet reassign`: what `kafka-reassign-partitions.sh` does, with its flags and files.
struct Reassign: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Move partitions to other brokers.")

    enum Action: String, EnumerableFlag {
        case execute, verify, cancel, list
    }

    @OptionGroup var cluster: ClusterOptions
    @Flag(help: "What to do.") var action: Action
    @Option(
        help: """
            Where partitions are to live: {"version":1,"partitions":[{"topic","partition","replicas","log_dirs"}]}. \
            log_dirs, which may be left out, names for each replica the data directory of its broker, or "any".
            """)
    var reassignmentJsonFile: String?

    func validate() throws {
        if action != .list, reassignmentJsonFile == nil {
            throw ValidationError("--reassignment-json-file is missing")
        }
    }

    func run() async throws {
        let plan = try plan()
        try await cluster.withClient { client in
            let administrator = Administrator(client)
            switch action {
            case .list: for move in try await administrator.moves() { print(Self.line(move)) }
            case .execute:
                let placement = DirectoryPlacement(plan.directories, administrator)
                // First, so that new replicas begin where they belong.
                try await placement.begin()
                try await begin(plan.targets, administrator)
                try await placement.finishBeginning()
            case .cancel: try await begin(plan.targets.mapValues { _ in nil }, administrator)
            case .verify: try await verify(plan, administrator)
            }
        }
    }

    private func plan() throws -> ReassignmentPlan {
        guard let file = reassignmentJsonFile else { return ReassignmentPlan() }
        guard let bytes = try PosixFileSystem().contents(of: file) else {
            throw ValidationError("There is no file \(file).")
        }
        return try ReassignmentPlan(parsing: bytes)
    }

    private func begin(_ targets: [TopicPartition: [BrokerID]?], _ administrator: Administrator) async throws {
        let refusals = try await administrator.move(targets)
        for partition in targets.keys.sorted() {
            print("\(partition): \(refusals[partition].map { "\($0)" } ?? (action == .cancel ? "cancelled" : "begun"))")
        }
        if !refusals.isEmpty { throw ExitCode.failure }
    }

    private func verify(_ plan: ReassignmentPlan, _ administrator: Administrator) async throws {
        let targets = plan.targets
        let moving = Dictionary(uniqueKeysWithValues: try await administrator.moves().map { ($0.partition, $0) })
        let topics = try await administrator.topics(Set(targets.keys.map(\.topic)).sorted())
        var isDone = true
        for (partition, target) in targets.sorted(by: { $0.key < $1.key }) {
            let replicas = topics[partition.topic]?.partitions.first { $0.index == partition.partition }?.replicas
            if moving[partition] != nil {
                print("\(partition): still moving")
            } else if replicas == target {
                print("\(partition): done")
                continue
            } else {
                print("\(partition): lives on \(replicas.map(Self.list) ?? "no broker"), not on \(Self.list(target))")
            }
            isDone = false
        }
        if try await !DirectoryPlacement(plan.directories, administrator).verify() { isDone = false }
        if !isDone { throw ExitCode.failure }
    }

    private static func line(_ move: Administrator.Move) -> String {
        "\(move.partition): replicas \(list(move.replicas)), adding \(list(move.adding)), removing \(list(move.removing))"
    }

    private static func list(_ brokers: [BrokerID]) -> String { brokers.map { "\($0)" }.joined(separator: ",") }
}
