import ClusterModel
import Controller
import Mirroring
import Testing

@Suite struct ForkTests {
    private func drill(_ prefix: String = "drill.") throws -> ForkLink {
        try ForkLink(of: "west->east", prefix: prefix)
    }

    private func topic(_ state: MirrorStanding.State, link: String) -> StandingTopic {
        let standing = MirrorStanding(state: state, link: link, sourceClusterID: "east", homeEpoch: 0)
        return StandingTopic(id: .zero, partitionCount: 1, settings: standing.settings(in: [:]))
    }

    @Test func aForkIsKnownByItsLinkAndItsName() throws {
        let drill = try drill()
        let standing = topic(.ordinary, link: drill.name).standing
        #expect(standing.isFork)
        #expect(drill.origin(of: drill.fork(of: "orders"), standing) == "orders")
        #expect(drill.origin(of: "orders", standing) == nil)
        for other in [try self.drill("drill"), try ForkLink(of: "north->east", prefix: "drill.")] {
            #expect(other.origin(of: "drill.orders", standing) == nil)
        }
        let mirror = topic(.mirroring, link: "west->east").standing
        #expect(!mirror.isFork && drill.origin(of: "drill.orders", mirror) == nil)
    }

    @Test(arguments: ["", "a b", "fork/", "ö", "a->b"]) func prefixesThatMakeNoTopicsAreRefused(_ prefix: String) {
        #expect(throws: ForkLink.UnusablePrefix.self) { try ForkLink(of: "west->east", prefix: prefix) }
    }

    @Test func marksAreNoApplicationsGroups() throws {
        #expect(ForkLink.isMarkGroup(try drill().markGroup))
        #expect(!ForkLink.isMarkGroup("drill.readers"))
        #expect(try drill("one.").markGroup != drill("two.").markGroup)
    }

    @Test func whatIsThereSaysWhatIsLeftToDo() throws {
        let drill = try drill()
        #expect(drill.verdict(on: "orders", present: nil) == .create)
        #expect(drill.verdict(on: "orders", present: topic(.mirroring, link: drill.name)) == .fill)
        #expect(drill.verdict(on: "orders", present: topic(.promoting, link: drill.name)) == .promote)
        #expect(drill.verdict(on: "orders", present: topic(.ordinary, link: drill.name)) == .leave)
        let others = [
            topic(.ordinary, link: ""), topic(.mirroring, link: "west->east"),
            topic(.ordinary, link: try self.drill("other.").name), topic(.fenced, link: drill.name),
        ]
        for other in others {
            guard case .blocked(let reason) = drill.verdict(on: "orders", present: other) else {
                Issue.record("\(other) is taken for a fork of this drill")
                continue
            }
            #expect(reason.contains("drill.orders"))
        }
    }

    @Test func aForkIsSetAsItsMirrorTopicIs() throws {
        let mirror = topic(.mirroring, link: "west->east").standing
        let settings = mirror.settings(in: ["retention.ms": "7", Synchrony.linkKey: "east->west"])
        #expect(try drill().settings(of: settings) == ["retention.ms": "7"])
    }

    @Test func marksAreReadAsTheyWereWritten() {
        var mark = ForkMark(end: 17, begunAt: 1_700_000_000_000)
        #expect(ForkMark(end: 17, metadata: mark.metadata) == mark)
        mark.writableAt = 1_700_000_000_250
        mark.recordsBehind = 0
        #expect(ForkMark(end: 17, metadata: mark.metadata) == mark)
        mark.millisecondsBehind = 40
        #expect(ForkMark(end: 17, metadata: mark.metadata) == mark)
        for text in ["", "writable=1", "begun=soon", "begun"] { #expect(ForkMark(end: 17, metadata: text) == nil) }
    }

    private func capacity(needs needed: Int64, free: [Int64], of count: Int) -> DrillCapacity {
        DrillCapacity(
            neededBytes: needed, brokerCount: count,
            brokers: free.enumerated().map {
                DrillCapacity.Broker(broker: BrokerID(Int32($0.offset)), totalBytes: 1_000, usableBytes: $0.element)
            })
    }

    @Test func everyBrokerNeedsRoomForItsShare() throws {
        #expect(capacity(needs: 270, free: [100, 100, 100], of: 3).objection == nil)
        #expect(try #require(capacity(needs: 271, free: [100, 100, 100], of: 3).objection).contains("271 bytes"))
        #expect(try #require(capacity(needs: 270, free: [100, 98, 100], of: 3).objection).contains("broker 1"))
        #expect(capacity(needs: 0, free: [0], of: 1).objection == nil)
        // Nobody knows of those that do not tell.
        #expect(capacity(needs: 1_000, free: [], of: 3).objection == nil)
    }
}
