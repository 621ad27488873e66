import ClusterModel
import Testing

@testable import Mirroring

/// Random links and members, against what a division has to keep, and against trying everything.
@Suite struct WorkDivisionTests {
    private static func partition(_ number: Int) -> TopicPartition {
        TopicPartition(topic: "t\(number / 4)", partition: Int32(number % 4))
    }

    /// Few heavy ones and many light ones, as links have.
    private static func weights(_ count: Int, _ random: inout SplitMix) -> [TopicPartition: Int64] {
        Dictionary(
            uniqueKeysWithValues: (0..<count).map { number in
                let weight: Int64 =
                    Int.random(in: 0..<4, using: &random) == 0
                    ? .random(in: 100_000...10_000_000, using: &random) : .random(in: 1_000...20_000, using: &random)
                return (partition(number), weight)
            })
    }

    private static func members(_ count: Int) -> [WorkDivision.Member] { (0..<count).map { .init("m\($0)") } }

    /// The same members, who bring now what they were to bring.
    private static func settled(_ division: WorkDivision) -> [WorkDivision.Member] {
        division.goals.map { id, goal in
            WorkDivision.Member(
                id, claims: Dictionary(uniqueKeysWithValues: goal.map { ($0, division.weights[$0] ?? 0) }))
        }
    }

    private static func owners(_ goals: [String: Set<TopicPartition>]) -> [TopicPartition: String] {
        Dictionary(uniqueKeysWithValues: goals.flatMap { id, goal in goal.map { ($0, id) } })
    }

    private static func load(_ id: String, _ division: WorkDivision) -> Int64 {
        (division.goals[id] ?? []).reduce(0) { $0 + (division.weights[$1] ?? 0) }
    }

    private static func divide(_ weights: [TopicPartition: Int64], _ members: [WorkDivision.Member]) -> WorkDivision {
        WorkDivision(of: Set(weights.keys), among: members, known: weights)
    }

    /// What the heaviest member carries when one tries everything.
    private static func leastMost(_ weights: [Int64], _ members: Int) -> Int64 {
        var best = Int64.max
        func place(_ next: Int, _ loads: [Int64]) {
            if next == weights.count {
                best = min(best, loads.max() ?? 0)
                return
            }
            for member in loads.indices {
                var loads = loads
                loads[member] += weights[next]
                if loads[member] < best { place(next + 1, loads) }
            }
        }
        place(0, Array(repeating: 0, count: members))
        return best
    }

    @Test(arguments: 0..<200) func everyPartitionIsBroughtByExactlyOne(seed: Int) {
        var random = SplitMix(state: UInt64(seed))
        let weights = Self.weights(.random(in: 0...60, using: &random), &random)
        var members = Self.members(.random(in: 1...5, using: &random))
        // Claims at random, also two for one and of what nobody knows.
        for index in members.indices {
            for number in 0..<70 where Int.random(in: 0..<6, using: &random) == 0 {
                members[index].claims[Self.partition(number)] = .random(in: 1_000...1_000_000, using: &random)
            }
        }
        let all = Set(weights.keys).union(members.flatMap(\.claims.keys))
        for evensOut in [false, true] {
            let division = WorkDivision(of: Set(weights.keys), among: members, known: weights, evensOut: evensOut)
            #expect(division.goals.values.reduce(0) { $0 + $1.count } == all.count)
            #expect(Set(division.goals.values.joined()) == all)
            #expect(Set(division.goals.keys) == Set(members.map(\.id)))
            // Nobody gets what another may still write.
            for (id, share) in division.shares {
                for partition in share.keys {
                    #expect(division.goals[id]?.contains(partition) ?? false)
                    #expect(!members.contains { $0.id != id && $0.claims[partition] != nil })
                }
            }
        }
    }

    @Test(arguments: 0..<200) func newWorkIsDividedNearlyAsWellAsCanBe(seed: Int) {
        var random = SplitMix(state: UInt64(seed))
        let weights = Self.weights(.random(in: 1...8, using: &random), &random)
        let members = Int.random(in: 1...3, using: &random)
        let division = Self.divide(weights, Self.members(members))
        let heaviest = (0..<members).map { Self.load("m\($0)", division) }.max() ?? 0
        // Graham's bound for the heaviest first.
        #expect(Double(heaviest) <= Double(Self.leastMost(Array(weights.values), members)) * 4 / 3 + 1)
        #expect(division.shares.mapValues { Set($0.keys) } == division.goals)
    }

    @Test(arguments: 0..<200) func ofADeadMemberAloneWorkMoves(seed: Int) {
        var random = SplitMix(state: UInt64(seed))
        let weights = Self.weights(.random(in: 0...60, using: &random), &random)
        let before = Self.divide(weights, Self.members(.random(in: 2...5, using: &random)))
        var members = Self.settled(before)
        let dead = members.remove(at: .random(in: members.indices, using: &random))
        let after = Self.divide(weights, members)
        let (old, new) = (Self.owners(before.goals), Self.owners(after.goals))
        for partition in weights.keys where old[partition] != dead.id { #expect(new[partition] == old[partition]) }
        // All of it goes on at once.
        #expect(after.shares.mapValues { Set($0.keys) } == after.goals)
    }

    @Test(arguments: 0..<200) func whoJoinsGetsNearlyTheMeanAndNothingElseMoves(seed: Int) {
        var random = SplitMix(state: UInt64(seed))
        let weights = Self.weights(.random(in: 0...60, using: &random), &random)
        let before = Self.divide(weights, Self.members(.random(in: 1...4, using: &random)))
        // Who brings nothing yet counts as one who has just come.
        guard before.goals.values.allSatisfy({ !$0.isEmpty }) else { return }
        let members = Self.settled(before)
        let after = Self.divide(weights, members + [.init("new")])
        let (old, new) = (Self.owners(before.goals), Self.owners(after.goals))
        let moved = weights.keys.filter { new[$0] != old[$0] }
        for partition in moved { #expect(new[partition] == "new") }
        #expect(after.shares["new"]?.isEmpty ?? false, "it waits until they are let go of")

        let mean = Double(weights.values.reduce(0, +)) / Double(members.count + 1)
        let load = Double(Self.load("new", after))
        // None too many: without the heaviest that moved it would lack something.
        let heaviest = moved.map { weights[$0] ?? 0 }.max() ?? 0
        #expect(moved.isEmpty || load - Double(heaviest) < mean * 0.9)
        // None too few: what could still come would make it heavier than who gives it.
        if load < mean * 0.9 {
            for member in members where Double(Self.load(member.id, after)) > mean {
                for partition in after.goals[member.id] ?? [] {
                    let weight = weights[partition] ?? 0
                    #expect(load + Double(weight) > mean * 1.1 - 1)
                    #expect(load + Double(weight) > Double(Self.load(member.id, after) - weight))
                }
            }
        }
        // In the next round, when they have let go, it has them, and nothing moves once more.
        let released = members.map { member in
            WorkDivision.Member(member.id, claims: member.claims.filter { new[$0.key] == member.id })
        }
        // Also while only some of them have let go.
        let half = members.map { member in
            WorkDivision.Member(
                member.id,
                claims: member.claims.filter { new[$0.key] == member.id || $0.key.partition.isMultiple(of: 2) })
        }
        let between = WorkDivision(
            of: Set(weights.keys), among: half + [.init("new")], known: weights, intended: after.intended)
        #expect(Self.owners(between.goals) == new)
        let last = WorkDivision(
            of: Set(weights.keys), among: released + [.init("new")], known: weights, intended: after.intended)
        #expect(Set(after.intended.keys) == Set(moved) && last.intended.isEmpty)
        #expect(Self.owners(last.goals) == new)
    }

    @Test(arguments: 0..<200) func whatDriftsApartIsEvenedOutInFewMoves(seed: Int) {
        var random = SplitMix(state: UInt64(seed))
        let weights = Self.weights(.random(in: 4...60, using: &random), &random)
        var members = Self.settled(Self.divide(weights, Self.members(.random(in: 2...4, using: &random))))
        for index in members.indices {
            members[index].claims = members[index].claims.mapValues {
                Int.random(in: 0..<3, using: &random) == 0 ? $0 * .random(in: 1...20, using: &random) : $0
            }
        }
        guard members.allSatisfy({ !$0.claims.isEmpty }) else { return }
        let loads = members.map { $0.claims.values.reduce(0, +) }
        let mean = Double(loads.reduce(0, +)) / Double(loads.count)
        func gap(_ loads: [Int64]) -> Double { Double((loads.max() ?? 0) - (loads.min() ?? 0)) }
        let resting = WorkDivision(of: [], among: members)
        #expect(resting.goals == Dictionary(uniqueKeysWithValues: members.map { ($0.id, Set($0.claims.keys)) }))

        let division = WorkDivision(of: [], among: members, evensOut: true)
        let after = members.map { Self.load($0.id, division) }
        let old = Self.owners(resting.goals)
        let moved = Self.owners(division.goals).filter { old[$0.key] != $0.value }
        if gap(loads) <= mean * 0.5 {
            #expect(moved.isEmpty)
        } else {
            #expect(gap(after) <= gap(loads))
            #expect(moved.isEmpty || gap(after) < gap(loads) || after.max() ?? 0 < loads.max() ?? 0)
        }
        for partition in moved.keys { #expect(Double(division.weights[partition] ?? 0) * 100 >= mean) }
    }

    @Test func whatNobodyKnowsWeighsTheMean() {
        let heavy = TopicPartition(topic: "a", partition: 0)
        let unknown = TopicPartition(topic: "b", partition: 0)
        let division = WorkDivision(of: [heavy, unknown], among: Self.members(2), known: [heavy: 5_000_000])
        #expect(division.weights[unknown] == 5_000_000 && division.meanWeight == 5_000_000)
        #expect(division.goals == ["m0": [heavy], "m1": [unknown]])
    }

    @Test func whatTwoClaimIsLetGoOfByBoth() {
        let partition = Self.partition(0)
        let both = Self.members(2).map { WorkDivision.Member($0.id, claims: [partition: 2_000]) }
        let division = WorkDivision(of: [partition], among: both)
        #expect(division.shares == ["m0": [:], "m1": [:]])
        #expect(Self.divide([partition: 2_000], Self.members(2)).shares == ["m0": [partition: 2_000], "m1": [:]])
    }
}
