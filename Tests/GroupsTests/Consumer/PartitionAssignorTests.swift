import ClusterModel
import Testing

@testable import Groups

@Suite("Server-side assignors")
struct PartitionAssignorTests {
    private typealias Member = AssignmentTask.Member

    private func member(
        _ id: String, _ topics: [String], previous: PartitionSet = PartitionSet(), instanceID: String? = nil
    ) -> Member {
        Member(id: id, instanceID: instanceID, topics: Set(topics.map(topicID)), previous: previous)
    }

    private func task(_ members: [Member], _ counts: [String: Int32]) -> AssignmentTask {
        AssignmentTask(
            members, partitionCounts: Dictionary(uniqueKeysWithValues: counts.map { (topicID($0.key), $0.value) }))
    }

    @Test func rangesOfTopicsRunAlongsideEachOther() {
        let names = ["x", "y"]
        let given = PartitionAssignor.range.assign(
            task([member("b", names), member("c", names), member("a", names)], ["x": 4, "y": 4]))
        #expect(given["a"] == partitions(["x": [0, 1], "y": [0, 1]]))
        #expect(given["b"] == partitions(["x": [2], "y": [2]]) && given["c"] == partitions(["x": [3], "y": [3]]))
    }

    @Test func staticMembersKeepTheirPlacesByTheirInstances() {
        let given = PartitionAssignor.range.assign(
            task([member("z", ["x"], instanceID: "1"), member("a", ["x"], instanceID: "2")], ["x": 2]))
        #expect(given["z"] == partitions(["x": [0]]))
    }

    @Test func aNewMemberTakesOnlyItsShare() {
        let six = partitions(["x": [0, 1, 2]]), rest = partitions(["x": [3, 4, 5]])
        let given = PartitionAssignor.uniform.assign(
            task([member("a", ["x"], previous: six), member("b", ["x"], previous: rest), member("c", ["x"])], ["x": 6]))
        #expect(given["a"]?.isSubset(of: six) == true && given["b"]?.isSubset(of: rest) == true)
        #expect(given.values.map(\.count) == [2, 2, 2])
    }

    @Test func membersWithLessToChooseFromComeFirst() {
        let given = PartitionAssignor.uniform.assign(
            task([member("a", ["x"]), member("b", ["x", "y"])], ["x": 4, "y": 2]))
        #expect(given["a"]?.count == 3 && given["b"]?.count == 3)
        #expect(given["b"]?.byTopic[topicID("y")] == [0, 1])
    }

    /// Every partition that somebody reads is read by one who may; the uniform one is even, and moves no more than it must.
    @Test(arguments: UInt64(1)...200) func divisionsAreSound(seed: UInt64) {
        var chance = SeededGenerator(seed: seed)
        let names = (0..<Int.random(in: 1...4, using: &chance)).map { "t\($0)" }
        let counts = Dictionary(
            uniqueKeysWithValues: names.map { ($0, Int32.random(in: 1...9, using: &chance)) })
        let areEqual = Bool.random(using: &chance)
        let members = (0..<Int.random(in: 1...6, using: &chance)).map { number in
            member("m\(number)", areEqual ? names : names.filter { _ in Bool.random(using: &chance) })
        }
        for assignor in PartitionAssignor.allCases {
            let given = assignor.assign(task(members, counts))
            checkSound(given, members, counts)
            #expect(assignor.assign(task(members.shuffled(using: &chance), counts)) == given)
            guard assignor == .uniform else { continue }
            checkEven(given, members)
            // The same task with what was given before changes nothing.
            let settled = members.map { one in
                Member(id: one.id, instanceID: nil, topics: one.topics, previous: given[one.id] ?? PartitionSet())
            }
            #expect(assignor.assign(task(settled, counts)) == given)
            guard settled.count > 1 else { continue }
            let fewer = Array(settled.dropLast())
            let after = assignor.assign(task(fewer, counts))
            checkSound(after, fewer, counts)
            checkEven(after, fewer)
            if areEqual {
                for one in fewer { #expect(one.previous.isSubset(of: after[one.id] ?? PartitionSet())) }
            }
        }
    }

    private func checkSound(_ given: [String: PartitionSet], _ members: [Member], _ counts: [String: Int32]) {
        #expect(given.keys.sorted() == members.map(\.id).sorted())
        for member in members {
            #expect(Set((given[member.id] ?? PartitionSet()).byTopic.keys).isSubset(of: member.topics))
        }
        for (name, count) in counts {
            let readers = members.filter { $0.topics.contains(topicID(name)) }
            let holders = given.values.flatMap { Array($0.byTopic[topicID(name)] ?? []) }.sorted()
            #expect(holders == (readers.isEmpty ? [] : Array(0..<count)))
        }
    }

    /// Nobody has two more than somebody who could have one of them.
    private func checkEven(_ given: [String: PartitionSet], _ members: [Member]) {
        for rich in members {
            for (topic, _) in (given[rich.id] ?? PartitionSet()).byTopic {
                for poor in members where poor.topics.contains(topic) {
                    #expect((given[rich.id]?.count ?? 0) - (given[poor.id]?.count ?? 0) <= 1)
                }
            }
        }
    }
}
