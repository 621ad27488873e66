import CoordinatorKernel
import Platform
import Quorum
import Testing
import ZNodes

@testable import CoordinatorServer

@Suite struct EnsembleAnswersTests {
    private func status(_ role: QuorumStatus.Role) throws -> CoordinatorStatus {
        let membership = try Membership(
            configurationText: """
                server.1=one:2888:3888:participant;0.0.0.0:2181
                server.2=[::1]:2888:3888|two:2889:3889:participant
                server.3=three:2888:3888:observer
                version=7
                """)
        let now = SystemClock().now()
        let secret = [UInt8](repeating: 7, count: SessionSecret.size)
        var status = CoordinatorKernel(
            KernelSettings(sessionSecret: secret), restored: RestoredTree(ZNodesSettings()), at: now
        ).status()
        status.lastZxid = 0x2_0000_0005
        var quorum = QuorumStatus(
            role: role, epoch: 2, membership: membership, committed: 0x2_0000_0005, lastZxid: 0x2_0000_0005)
        quorum.synced = role == .leading ? [MemberID(2), MemberID(3)] : []
        status.ensemble = EnsembleStatus(
            id: MemberID(1), quorum: quorum, isServing: role != .looking, statistics: EnsembleStatistics(at: now))
        return status
    }

    @Test func aLeaderTellsOfItselfAndItsObservers() throws {
        let answers = try #require(EnsembleAnswers(try status(.leading)))
        #expect(
            answers.leaderFields == [
                .init("is_leader", .bool(true)), .init("leader_id", .integer(1)), .init("leader_ip", .text("one")),
            ])
        #expect(
            answers.observerFields == [
                .init("synced_observers", .integer(1)),
                .init("observers", .list([.object([.init("sid", .integer(3))])])),
            ])
        let state = JSONValue.object(answers.stateFields).prettyText
        for line in [
            "\"myid\" : 1", "\"is_leader\" : true", "\"voting\" : true", "\"last_zxid\" : \"0x200000005\"",
            "\"zab_epoch\" : 2", "\"zab_counter\" : 5", "\"zabstate\" : \"broadcast\"",
            "\"client_address\" : \"0.0.0.0:2181\"", "\"all_addresses\" : [ \"one:3888\" ]",
        ] {
            #expect(state.contains(line), "\(line)")
        }
    }

    @Test func theVotersAreShown() throws {
        let answers = try #require(EnsembleAnswers(try status(.following(MemberID(2)))))
        let text = JSONValue.object(answers.votingFields).prettyText
        #expect(text.contains("\"1\" : {") && text.contains("\"2\" : {") && !text.contains("\"3\" : {"))
        #expect(text.contains("\"election_addresses\" : [ \"::1:3888\", \"two:3889\" ]"))
        #expect(answers.leaderFields?[1] == .init("leader_id", .integer(2)))
    }

    @Test func withoutALeaderNobodyLeads() throws {
        let status = try status(.looking)
        let answers = try #require(EnsembleAnswers(status))
        #expect(answers.leaderFields == nil)
        #expect(status.ensemble?.state == "looking - election" && answers.stateFields.last?.value == .text("election"))
    }
}
