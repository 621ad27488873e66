import ClusterModel
import Seams

/// A group that reads one partition at its home and commits how far it is; when the home moves it goes on there with what
/// is committed there.
final class RegionsCommitter {
    let group: String
    let partition: TopicPartition
    private let process: SimulatedProcess
    private let regions: [Region]
    private let oracle: RegionsOracle
    /// Where it works; nil before it has asked where to go on.
    private var region: Region?
    /// How far it has come.
    private var position: Offset = 0
    /// The furthest that it has read and that was not lost with a home.
    private(set) var furthest: Offset = 0
    /// The same when a region's home was lost, by that: it may become the home again with all that it holds.
    private var furthestOfLost: [String: Offset] = [:]
    private(set) var committedCount = 0

    init(
        _ group: String, _ partition: TopicPartition, regions: [Region], _ oracle: RegionsOracle,
        as process: SimulatedProcess
    ) {
        self.group = group
        self.partition = partition
        self.regions = regions
        self.oracle = oracle
        self.process = process
    }

    func run() {
        process.begin { [self] in
            while process.isRunning {
                _ = await process.attempt(group) { try await goOn() }
                _ = await process.attempt(group) { try await process.sleep(20...300) }
            }
        }
    }

    /// The home was lost, with what its region holds of its own.
    func lose(_ loss: LostHome) {
        guard let from = loss.from[partition.partition] else { return }
        furthestOfLost[loss.region] = furthest
        furthest = min(furthest, from)
        if loss.isTakenBack { furthest = max(furthest, furthestOfLost[loss.new.region] ?? 0) }
    }

    private var home: Region? {
        let name = oracle.homes[partition.topic]?.region
        return regions.first { $0.name == name }
    }

    private var end: Offset {
        oracle.lines.first { $0.key.topic == partition.topic && $0.key.partition == partition.partition }?.value.end
            ?? 0
    }

    private func goOn() async throws {
        guard let home else { return }
        guard region === home else { return try await begin(at: home) }
        let wanted = min(position + Offset.random(in: 0...8, using: &process.random), end)
        guard wanted > position else { return }
        // It has read them, whether the commit succeeds or not.
        position = wanted
        furthest = max(furthest, wanted)
        try await process.commit([partition: wanted], of: group, in: home)
        committedCount += 1
    }

    private func begin(at home: Region) async throws {
        let epoch = home.world.tree.image.partition(SimulatedProcess.offsetsPartition)?.leaderEpoch
        let told = try await process.committed(by: group, in: home)[partition] ?? 0
        // Another coordinator may have known less, or more.
        guard home.world.tree.image.partition(SimulatedProcess.offsetsPartition)?.leaderEpoch == epoch,
            self.home === home
        else { return }
        if told > furthest {
            process.chronicle.violate(
                "\(group) would go on at \(told) of \(partition) in \(home.name), and has read to \(furthest)")
        }
        process.chronicle.note("\(group) goes on at \(told) of \(partition) in \(home.name)")
        position = told
        region = home
    }
}
