import KafkaProtocol
import Seams
import Testing

@testable import Groups

/// Clients that crash, dawdle and change their minds, against one registry that restarts now and then.
@Suite struct GroupPropertyTests {
    @Test(arguments: UInt64(1)...60) func membersAgree(seed: UInt64) {
        var chance = SeededGenerator(seed: seed)
        var bench = GroupBench({ $0.initialRebalanceDelay = .seconds(1) }, seed: seed)
        var ledger = AssignmentLedger()
        var members = (0..<6).map { number in
            VirtualMember(
                number: number, isStatic: number % 3 == 0, version: [3, 8, 9].randomElement(using: &chance) ?? 9)
        }
        // Requests whose replies nobody waits for any more, but which the registry still owes.
        var abandoned: [GroupTicket] = []
        for _ in 0..<600 {
            let place = Int.random(in: members.indices, using: &chance)
            switch Int.random(in: 0..<100, using: &chance) {
            case 0..<70: members[place].proceed(&bench, &ledger)
            case 70..<90: bench.pass(.milliseconds(Int.random(in: 1...2_500, using: &chance)))
            case 90..<93:
                abandoned += [members[place].ticket].compactMap { $0 }
                members[place].crash()
            case 93..<95: members[place].joiner.protocols = ["range": "topic-\(Int.random(in: 0..<3, using: &chance))"]
            case 95..<96: leave(&members[place], &bench, &abandoned)
            case 96..<97: bench.pass(.seconds(25))
            case 97..<98: commit(members[place], &bench)
            default:
                guard Int.random(in: 0..<4, using: &chance) == 0 else { continue }
                bench.restart()
                abandoned = []
                for place in members.indices where members[place].ticket != nil { members[place].phase = .out }
            }
            check(bench)
        }
        settle(&members, &bench, &ledger)
        checkReplay(bench)
        checkAllAnswered(&bench, abandoned + members.compactMap(\.ticket))
    }

    private func leave(_ member: inout VirtualMember, _ bench: inout GroupBench, _ abandoned: inout [GroupTicket]) {
        guard !member.joiner.memberID.isEmpty else { return }
        _ = bench.leave(member.joiner.memberID, instanceID: member.joiner.instanceID)
        abandoned += [member.ticket].compactMap { $0 }
        member.crash()
    }

    private func commit(_ member: VirtualMember, _ bench: inout GroupBench) {
        guard case .working(let generation) = member.phase else { return }
        let error = bench.commit(
            Int64(generation), memberID: member.joiner.memberID, generation: generation,
            instanceID: member.joiner.instanceID)
        if error == ErrorCode.none { #expect(bench.registry.liveGroup("flights")?.generation == generation) }
    }

    /// Without mishaps the group comes to rest with every member at work.
    private func settle(
        _ members: inout [VirtualMember], _ bench: inout GroupBench, _ ledger: inout AssignmentLedger
    ) {
        for _ in 0..<120 {
            for place in members.indices { members[place].proceed(&bench, &ledger) }
            bench.pass(.milliseconds(1_000))
        }
        #expect(bench.state == "Stable")
        let generations = members.map(\.phase)
        #expect(Set(generations.map { "\($0)" }).count == 1, "\(generations)")
        #expect(bench.registry.liveGroup("flights")?.members.count == members.count)
        check(bench)
    }

    /// What always holds inside.
    private func check(_ bench: GroupBench) {
        guard let group = bench.registry.liveGroup("flights") else { return }
        #expect((group.gathering != nil) == (group.state == .preparingRebalance))
        #expect(group.joinsWaiting == group.members.values.count { $0.join != nil })
        #expect(group.unsynced.allSatisfy { group.members[$0] != nil })
        #expect(group.members.isEmpty ? group.leader == nil : group.leader.map { group.members[$0] != nil } ?? false)
        #expect(group.members.allSatisfy { $0.key == $0.value.id })
        let seats = group.members.values.compactMap { member in member.instanceID.map { ($0, member.id) } }
        #expect(seats.count == group.staticMembers.count)
        #expect(seats.allSatisfy { group.staticMembers[$0.0] == $0.1 })
        if group.state == .empty { #expect(group.members.isEmpty) }
        if group.state == .stable || group.state == .empty {
            #expect(group.members.values.allSatisfy { $0.join == nil && $0.sync == nil })
        }
    }

    /// The replay law: what the log says is all there is.
    private func checkReplay(_ bench: GroupBench) {
        var twin = GroupRegistry(settings: GroupSettings(), generator: SeededGenerator(seed: 0))
        replay(bench.log, into: &twin)
        #expect(twin.hard == bench.registry.hard)
        var again: [GroupRecord] = []
        for record in bench.log {
            guard let (key, value) = record.encoded() else { continue }
            do {
                again.append(try #require(try GroupRecord(key: key, value: value, producer: nil)))
            } catch {
                Issue.record("\(record) does not survive encoding: \(error)")
            }
        }
        #expect(again == bench.log)
    }

    private func checkAllAnswered(_ bench: inout GroupBench, _ tickets: [GroupTicket]) {
        bench.perform(.deposed)
        for ticket in tickets { #expect(bench.replies[ticket] != nil, "\(ticket) was never answered") }
    }
}
