import KafkaProtocol
import KafkaProtocolGroups
import Testing

@testable import Groups

/// Groups of mirrors have short sessions, and wait for nobody.
@Suite struct MirrorMembersTests {
    private static func joiner(_ session: Int32, type: String = "martlet-mirror") -> Joiner {
        var joiner = Joiner()
        joiner.protocolType = type
        joiner.instanceID = "seat"
        joiner.sessionTimeoutMs = session
        return joiner
    }

    @Test func theirSessionsMayBeShort() {
        for (session, type, error) in [
            (500, "martlet-mirror", ErrorCode.none), (499, "martlet-mirror", .invalidSessionTimeout),
            (1_800_001, "martlet-mirror", .invalidSessionTimeout), (5_999, "consumer", .invalidSessionTimeout),
        ] {
            var bench = GroupBench()
            let ticket = bench.send(Self.joiner(Int32(session), type: type))
            #expect(bench.joinError(ticket) == error, "\(session) of \(type)")
        }
    }

    @Test func theFirstBeginsAtOnceAndIsGivenUpSoon() throws {
        var bench = GroupBench()
        let ticket = bench.send(Self.joiner(2_000))
        let reply = try #require(bench.joinReply(ticket))
        #expect(reply.generationId == 1 && reply.leader == reply.memberId)
        _ = bench.sync(reply.memberId, generation: 1, instanceID: "seat")
        bench.pass(.milliseconds(1_900))
        #expect(bench.heartbeat(reply.memberId, generation: 1, instanceID: "seat") == ErrorCode.none)
        bench.pass(.milliseconds(2_100))
        #expect(bench.heartbeat(reply.memberId, generation: 1, instanceID: "seat") == .unknownMemberId)
    }
}
