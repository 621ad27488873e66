import KafkaProtocol
import Testing

/// Followers that were just answered get what comes meanwhile in one answer.
@Suite("The pause between answers to a follower")
struct FollowersPauseTests {
    @Test("What comes within the pause goes in one answer at its end")
    func together() throws {
        let (bench, fetch) = try Self.bench()
        let held = try bench.send(fetch)
        try bench.produce(batch(["b"]), to: "t", acks: 1)
        try bench.advance(milliseconds: 9)
        try bench.produce(batch(["c"]), to: "t", acks: 1)
        #expect(try bench.reply(to: held) == nil)
        try bench.advance(milliseconds: 1)
        #expect(try #require(try bench.reply(to: held)?.responses.first?.partitions.first).values() == ["b", "c"])
    }

    @Test("Who was not answered for longer hears at once of what comes, and only a full wait ends without news")
    func idle() throws {
        let (bench, fetch) = try Self.bench()
        let parked = try bench.send(fetch)
        try bench.advance(milliseconds: 11)
        #expect(try bench.reply(to: parked) == nil)
        try bench.produce(batch(["b"]), to: "t", acks: 1)
        #expect(try #require(try bench.reply(to: parked)?.responses.first?.partitions.first).values() == ["b"])
        let next = try bench.send(Self.following(fetch))
        try bench.advance(milliseconds: 499)
        #expect(try bench.reply(to: next) == nil)
        try bench.advance(milliseconds: 1)
        let told = try #require(try bench.reply(to: next)).responses.flatMap(\.partitions)
        #expect(try told.allSatisfy { try $0.values().isEmpty })
    }

    @Test("A fetch that is held is answered as soon as the follower has another one")
    func overtaken() throws {
        let (bench, fetch) = try Self.bench()
        let held = try bench.send(fetch)
        try bench.produce(batch(["b"]), to: "t", acks: 1)
        #expect(try bench.reply(to: held) == nil)
        let second = try bench.send(Self.following(fetch))
        #expect(try #require(try bench.reply(to: held)?.responses.first?.partitions.first).values() == ["b"])
        #expect(try bench.reply(to: second) == nil)
    }

    @Test("Consumers are answered without a pause")
    func consumers() throws {
        let (bench, _) = try Self.bench()
        var fetch = bench.fetchRequest("t", from: 0, maxWait: 500)
        fetch.sessionEpoch = 0
        fetch.sessionId = try bench.call(fetch).sessionId
        fetch.sessionEpoch = 1
        fetch.topics[0].partitions[0].fetchOffset = 1
        let parked = try bench.send(fetch)
        try bench.produce(batch(["b"]), to: "t", acks: 1)
        #expect(try #require(try bench.reply(to: parked)?.responses.first?.partitions.first).values() == ["b"])
    }

    /// A leader that pauses for 10 ms and has just given its follower, broker 2, record "a"; and the fetch that this one
    /// sends next.
    private static func bench() throws -> (BrokerBench, FetchRequest) {
        let bench = try BrokerBench { $0.followersPause = .milliseconds(10) }
        try bench.addBroker(2)
        try bench.createTopic("t")
        try bench.place("t", on: [1, 2], inSync: [1], leader: 1)
        try bench.produce(batch(["a"]), to: "t", acks: 1)
        var fetch = bench.replicaFetch("t", by: 2, from: 0)
        fetch.sessionEpoch = 0
        fetch.sessionId = try bench.call(fetch).sessionId
        fetch.sessionEpoch = 1
        fetch.topics[0].partitions[0].fetchOffset = 1
        return (bench, fetch)
    }

    /// The next fetch of a session, of who has "a" and "b".
    private static func following(_ fetch: FetchRequest) -> FetchRequest {
        var fetch = fetch
        fetch.sessionEpoch += 1
        fetch.topics[0].partitions[0].fetchOffset = 2
        return fetch
    }
}
