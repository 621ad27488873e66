import ClusterModel
import Controller
import MartletClient
import Mirroring

/// Makes mirror topics of one link ordinary ones, or those fenced for it, each cut at one consistent point: settles open
/// transactions, sets groups back to the cuts, and lets producers in.
///
/// What is done stands in the cluster's tree, so a promotion that was killed goes on when it is begun again.
struct Promotion: Sendable {
    private static let pause = Duration.milliseconds(50)

    let target: Administrator
    let link: String
    let limit: Duration
    let oldHomes: OldHomes?
    /// The topics were fenced because their home has moved away by the link.
    let reclaims: Bool
    /// The target goes on with what it has.
    let isSourceLost: Bool

    init(
        target: Administrator, link: String, waitingAtMost limit: Duration, isSourceLost: Bool,
        oldHomes: OldHomes? = nil, reclaims: Bool = false
    ) {
        self.target = target
        self.link = link
        self.limit = limit
        self.oldHomes = oldHomes
        self.reclaims = reclaims
        self.isSourceLost = isSourceLost
    }

    /// What one look at the target's leaders asks for.
    private struct Round {
        var changes: [Administrator.MirrorChange] = []
        var aborts: [TopicPartition: [Administrator.OpenTransaction]] = [:]
        var cuts: [TopicPartition: Offset] = [:]
        var waiting: [TopicPartition] = []

        /// The topics that are to be ordinary ones now, with the home epochs that they will have.
        var promoted: [String: Int32] {
            let promotions = changes.filter { $0.action == .promote }
            return Dictionary(uniqueKeysWithValues: promotions.map { ($0.topic, $0.homeEpoch + 1) })
        }

        /// Lets topics wait that may be written elsewhere still.
        mutating func leave(_ topics: Set<String>) {
            changes.removeAll { topics.contains($0.topic) }
            cuts = cuts.filter { !topics.contains($0.key.topic) }
        }
    }

    /// Makes topics ordinary ones; what becomes of each goes into the report, which has to have an entry for it.
    /// - Returns: how many transactions were aborted in partitions.
    @discardableResult
    func run(
        _ topics: [(name: String, partitions: Int32)], _ report: inout MoveReport
    ) async throws -> [TopicPartition: Int] {
        var rest = topics
        var aborted: [TopicPartition: Int] = [:]
        let deadline = ContinuousClock.now + limit + (oldHomes?.longest ?? .zero)
        while !rest.isEmpty {
            let standings = try await target.describeMirrors([TopicPartition](of: rest))
            var round = look(at: rest, standings, &report)
            if let oldHomes { round.leave(oldHomes.stillWritten(round.promoted)) }
            rest.removeAll { report.topics[$0.name].map { $0.isDone || $0.fault != nil } ?? true }
            if rest.isEmpty { return aborted }
            guard ContinuousClock.now < deadline else {
                throw UnfinishedMove(
                    "\(rest.count) topics are not promoted yet, and leaders of \(round.waiting.inWords) do not "
                        + "answer as they should; run it again to go on")
            }
            if !round.aborts.isEmpty { try await target.abort(round.aborts) }
            aborted.merge(round.aborts.mapValues(\.count), uniquingKeysWith: +)
            if !round.cuts.isEmpty {
                report.groupFaults.merge(try await GroupClamp(cluster: target).setBack(to: round.cuts)) { $1 }
            }
            try await target.require(round.changes, link: link)
            // Leaders hear of it from the tree.
            try await Task.sleep(for: Self.pause)
        }
        return aborted
    }

    private func look(
        at topics: [(name: String, partitions: Int32)],
        _ standings: [TopicPartition: Administrator.DescribedPartition], _ report: inout MoveReport
    ) -> Round {
        var round = Round()
        for (name, count) in topics {
            let step = TopicPromotion.next(
                Self.standings(of: name, count, standings), count: count, link: link, reclaims: reclaims)
            switch step {
            case .begin(let homeEpoch):
                var change = Administrator.MirrorChange(.beginPromotion, name, homeEpoch: homeEpoch)
                change.isSourceLost = isSourceLost
                round.changes.append(change)
            case .reclaim(let homeEpoch):
                round.changes.append(Administrator.MirrorChange(.reclaim, name, homeEpoch: homeEpoch))
            case .wait(let partitions):
                round.waiting += partitions.map { TopicPartition(topic: name, partition: $0) }
            case .abort(let partitions):
                for index in partitions {
                    let partition = TopicPartition(topic: name, partition: index)
                    round.aborts[partition] = standings[partition]?.openTransactions
                    report.topics[name]?.abortedTransactions += round.aborts[partition]?.count ?? 0
                }
            case .promote(let homeEpoch, let cuts):
                var change = Administrator.MirrorChange(.promote, name, homeEpoch: homeEpoch)
                change.cuts = cuts
                round.changes.append(change)
                for (index, cut) in cuts { round.cuts[TopicPartition(topic: name, partition: index)] = cut }
                report.topics[name]?.cuts = cuts.sorted { $0.key < $1.key }.map(\.value)
            case .done(let homeEpoch):
                report.topics[name]?.isDone = true
                report.topics[name]?.homeEpoch = homeEpoch
            case .refuse(let reason): report.topics[name]?.fault = reason
            }
        }
        return round
    }

    private static func standings(
        of topic: String, _ count: Int32, _ found: [TopicPartition: Administrator.DescribedPartition]
    ) -> [Int32: PartitionStanding] {
        var standings: [Int32: PartitionStanding] = [:]
        for index in 0..<count {
            standings[index] = found[TopicPartition(topic: topic, partition: index)].map { PartitionStanding($0) }
        }
        return standings
    }
}

extension Administrator {
    private static let changesAtOnce = 1_000

    /// How long a cluster may be without its coordinator while homes move: brokers find one that is back within a second.
    static let patienceWithCoordinators = Duration.seconds(3)

    /// Makes changes of mirrors, many topics at once; throws the first refusal.
    func require(_ changes: [MirrorChange], link: String, validatesOnly: Bool = false) async throws {
        let absent = try await requireOfPresent(changes, link: link, validatesOnly: validatesOnly)
        if let name = absent.min() { throw ClientFault.refused(.unknownTopicOrPartition, "topic \(name)") }
    }

    /// The same where topics may have been deleted, as the controller knows.
    /// - Returns: those that have been.
    func requireOfPresent(
        _ changes: [MirrorChange], link: String, validatesOnly: Bool = false
    ) async throws -> Set<String> {
        var absent: Set<String> = []
        for start in stride(from: 0, to: changes.count, by: Self.changesAtOnce) {
            let some = Array(changes[start..<min(start + Self.changesAtOnce, changes.count)])
            let results = try await alterMirrors(
                some, link: link, validatesOnly: validatesOnly, until: .now + Self.patienceWithCoordinators)
            for change in some {
                guard let result = results[change.topic] else {
                    throw UnfinishedMove("nobody answered for topic \(change.topic)")
                }
                if case .failure(let fault) = result, fault.code == .unknownTopicOrPartition {
                    absent.insert(change.topic)
                } else {
                    _ = try result.get()
                }
            }
        }
        return absent
    }
}

extension Administrator.MirrorChange {
    /// Lets nobody write a topic at its old home.
    /// - Parameters:
    ///   - homeEpoch: of the new home.
    ///   - cluster: the id of the cluster where that is.
    static func fence(_ topic: String, homeEpoch: Int32, newHome cluster: String) -> Self {
        var change = Self(.fence, topic, homeEpoch: homeEpoch)
        change.sourceClusterID = cluster
        return change
    }
}

extension [TopicPartition] {
    /// All partitions of topics, in order.
    init(of topics: [(name: String, partitions: Int32)]) {
        self = topics.flatMap { topic in
            (0..<topic.partitions).map { TopicPartition(topic: topic.name, partition: $0) }
        }
    }

    /// The first of them, for people.
    var inWords: String {
        let names = prefix(3).map(\.description).joined(separator: ", ")
        return count > 3 ? "\(names) and \(count - 3) more" : names
    }
}
