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
    @Option(help: "Bytes per second that new replicas may take from a broker; --verify takes the limit back.")
    var throttle: Int64?
    @Flag(help: "Leave throttles as they are when all is done or cancelled.") var preserveThrottles = false

    func validate() throws {
        if let throttle, throttle < 1 { throw ValidationError("--throttle is at least 1 byte per second") }
        if throttle != nil, action != .execute { throw ValidationError("--throttle is for --execute") }
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
                try await limit(plan.targets, administrator)
                let placement = DirectoryPlacement(plan.directories, administrator)
                // First, so that new replicas begin where they belong.
                try await placement.begin()
                try await begin(plan.targets, administrator)
                try await placement.finishBeginning()
            case .cancel:
                try await begin(plan.targets.mapValues { _ in nil }, administrator)
                try await clearThrottles(plan.targets, administrator)
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

    /// Before the moves begin, so that none is fast at first. A throttle that is there already holds for all that moves.
    private func limit(_ targets: [TopicPartition: [BrokerID]], _ administrator: Administrator) async throws {
        guard let throttle else { return }
        let topics = try await administrator.topics(Set(targets.keys.map(\.topic)).sorted())
        var replicas: [TopicPartition: [BrokerID]] = [:]
        for topic in topics.values {
            for partition in topic.partitions {
                replicas[TopicPartition(topic: topic.name, partition: partition.index)] = partition.replicas
            }
        }
        let moves = MoveThrottle(targets: targets, underWay: try await administrator.moves(), replicas: replicas)
        try await moves.set(throttle, by: administrator)
    }

    private func clearThrottles(
        _ targets: [TopicPartition: [BrokerID]], _ administrator: Administrator
    ) async throws {
        guard !preserveThrottles, try await administrator.moves().isEmpty else { return }
        try await MoveThrottle.clear(Set(targets.keys.map(\.topic)), by: administrator)
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
        try await clearThrottles(plan.targets, administrator)
        if try await !DirectoryPlacement(plan.directories, administrator).verify() { isDone = false }
        if !isDone { throw ExitCode.failure }
    }

    private static func line(_ move: Administrator.Move) -> String {
        "\(move.partition): replicas \(list(move.replicas)), adding \(list(move.adding)), removing \(list(move.removing))"
    }

    private static func list(_ brokers: [BrokerID]) -> String { brokers.map { "\($0)" }.joined(separator: ",") }
}
