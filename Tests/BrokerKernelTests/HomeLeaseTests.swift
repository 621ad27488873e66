import BrokerKernel
import ClusterModel
import Controller
import KafkaProtocol
import KafkaProtocolClusters
import Testing

@Suite("Topics that are written only while a link vouches for their home")
struct HomeLeaseTests {
    private typealias Moment = (brokerEpoch: Int64, nanoseconds: Int64)

    private func leased() throws -> BrokerBench {
        let bench = try BrokerBench()
        try bench.createTopic("t", configs: [HomeLease.linkKey: link])
        try bench.changeImage { $0.brokers[BrokerBench.brokerID]?.epoch = 70 }
        return bench
    }

    /// Tells the leader, and returns its moment.
    @discardableResult
    private func confirm(
        since moment: Moment? = nil, isAffirmed: Bool = true, lease: Int64 = 1000, homeEpoch: Int32 = 0,
        link name: String = link, on bench: BrokerBench
    ) throws -> Moment {
        let image = try #require(bench.image.topics["t"])
        var data = MirrorConfirmRequest.ConfirmedPartition()
        data.homeEpoch = homeEpoch
        data.leaderEpoch = image.partitions[0].leaderEpoch
        data.confirmedOffset = -1
        var topic = MirrorConfirmRequest.ConfirmedTopic()
        topic.topicId = image.id
        topic.isHomeAffirmed = isAffirmed
        topic.partitions = [data]
        var request = MirrorConfirmRequest()
        request.linkName = name
        request.topics = [topic]
        request.leaseMs = lease
        if let moment { (request.brokerEpoch, request.moment) = moment }
        let response = try bench.call(request)
        return (response.brokerEpoch, response.moment)
    }

    private func written(on bench: BrokerBench) throws -> ErrorCode {
        .of(try bench.produce(batch(["a"]), to: "t").errorCode)
    }

    @Test("Nobody writes before the first lease, nor after the last one")
    func lapse() throws {
        let bench = try leased()
        #expect(try written(on: bench) == .notEnoughReplicas)
        let moment = try confirm(on: bench)
        // The leader has named a moment, and nobody has asked the target since.
        #expect(try written(on: bench) == .notEnoughReplicas)
        try bench.advance(milliseconds: 300)
        try confirm(since: moment, on: bench)
        #expect(try written(on: bench) == ErrorCode.none)
        // It counts from the moment, less a tenth, and not from when the answer came.
        #expect(try bench.describedMirror(partitions: [0]).partitions[0].leaseMs == 600)
        try bench.advance(milliseconds: 599)
        #expect(try written(on: bench) == ErrorCode.none && bench.reports.isEmpty)
        try bench.advance(milliseconds: 1)
        #expect(try written(on: bench) == .notEnoughReplicas)
        #expect(try written(on: bench) == .notEnoughReplicas)
        #expect(bench.reports.count == 1 && bench.reports[0].contains("t-0"))
        #expect(try bench.describedMirror(partitions: [0]).partitions[0].leaseMs == 0)
        // An answer that was late comes to nothing.
        try confirm(since: moment, on: bench)
        #expect(try written(on: bench) == .notEnoughReplicas)
        try confirm(since: try confirm(on: bench), on: bench)
        #expect(try written(on: bench) == ErrorCode.none)
    }

    @Test("A lease of another link, process, home or time counts for nothing")
    func refusals() throws {
        let bench = try leased()
        let moment = try confirm(on: bench)
        try confirm(since: moment, isAffirmed: false, on: bench)
        try confirm(since: moment, link: "north->east", on: bench)
        try confirm(since: moment, homeEpoch: 1, on: bench)
        try confirm(since: (moment.brokerEpoch + 1, moment.nanoseconds), on: bench)
        try confirm(since: (moment.brokerEpoch, moment.nanoseconds + 1_000_000_000_000), on: bench)
        try confirm(since: (moment.brokerEpoch, .max), on: bench)
        for lease in [Int64.min, -1, 0, .max] { try confirm(since: moment, lease: lease, on: bench) }
        #expect(try written(on: bench) == .notEnoughReplicas)
        try confirm(since: moment, on: bench)
        #expect(try written(on: bench) == ErrorCode.none)
    }

    @Test("Who begins to lead has no lease; one that goes on leading keeps it")
    func leaders() throws {
        let bench = try leased()
        let moment = try confirm(on: bench)
        try confirm(since: moment, on: bench)
        try bench.elect("t", epoch: 5)
        #expect(try written(on: bench) == ErrorCode.none)
        try bench.restart()
        #expect(try written(on: bench) == .notEnoughReplicas)
        // Of its earlier process.
        try bench.changeImage { $0.brokers[BrokerBench.brokerID]?.epoch = 71 }
        try confirm(since: moment, on: bench)
        #expect(try written(on: bench) == .notEnoughReplicas)
        try confirm(since: try confirm(on: bench), on: bench)
        #expect(try written(on: bench) == ErrorCode.none)
    }

    @Test("Without the setting, or away from the home, no lease is asked for")
    func settings() throws {
        let bench = try leased()
        #expect(try written(on: bench) == .notEnoughReplicas)
        try bench.setStanding(of: "t", .fenced, homeEpoch: 1)
        #expect(try written(on: bench) == .invalidRequest)
        try bench.setStanding(of: "t", .ordinary, homeEpoch: 2)
        #expect(try written(on: bench) == .notEnoughReplicas)
        try bench.changeImage { image in image.updateTopic("t") { $0.configs[HomeLease.linkKey] = nil } }
        #expect(try written(on: bench) == ErrorCode.none)
        #expect(try bench.describedMirror(partitions: [0]).partitions[0].leaseMs == -1)
    }
}
