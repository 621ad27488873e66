import ClusterModel
import Controller
import Mirroring
import Testing

@Suite struct RestOfMoveTests {
    private static let partitions = (0..<2).map { TopicPartition(topic: "t", partition: Int32($0)) }

    private func partition(
        _ state: MirrorStanding.State, to end: Offset = 10, homeEpoch: Int32 = 3, link: String = "a->b"
    ) -> PartitionStanding {
        PartitionStanding(
            state: state, link: link, homeEpoch: homeEpoch, logStart: 0, lastStableOffset: end, highWatermark: end,
            end: end, isSettled: true, hasOpenTransactions: false)
    }

    private func rest(_ target: PartitionStanding?..., source: PartitionStanding? = nil) -> RestOfMove {
        let fenced = source ?? partition(.fenced, homeEpoch: 4)
        let standings = zip(Self.partitions, target).compactMap { name, standing in standing.map { (name, $0) } }
        return RestOfMove(
            of: Self.partitions, link: "a->b", homeEpochs: ["t": 3],
            source: Dictionary(uniqueKeysWithValues: Self.partitions.map { ($0, fenced) }),
            target: Dictionary(uniqueKeysWithValues: standings))
    }

    @Test func allThatTheSourceHasIsWaitedFor() {
        let mirror = partition(.mirroring)
        #expect(rest(mirror, mirror) == rest(mirror, mirror, source: nil) && rest(mirror, mirror).missing.isEmpty)
        #expect(rest(mirror, partition(.mirroring, to: 9)).missing == [Self.partitions[1]])
        #expect(rest(mirror, nil).missing == [Self.partitions[1]])
        #expect(rest(mirror, mirror, source: partition(.ordinary)).missing == Self.partitions)
        #expect(rest(mirror, mirror).begun.isEmpty)
    }

    /// The standing from which the move began was out of date.
    @Test("Nothing is waited for of what is being promoted: it had everything, and has markers of its own since")
    func whatIsBeingPromotedHadEverything() {
        let promoting = partition(.promoting, to: 11)
        // A leader that has not heard of it yet, and one that does not answer.
        for other in [promoting, partition(.mirroring, to: 11), nil] {
            #expect(rest(promoting, other).missing.isEmpty && rest(promoting, other).begun == ["t"])
            #expect(rest(other, promoting).missing.isEmpty)
        }
        let promoted = partition(.ordinary, to: 14, homeEpoch: 4)
        #expect(rest(promoted, partition(.mirroring, to: 11)).missing.isEmpty)
        #expect(rest(promoted, nil).begun == ["t"])
    }

    @Test("A leader that is behind may speak of an earlier move, or of another link's")
    func earlierMoves() {
        for stranger in [
            partition(.promoting, to: 11, homeEpoch: 2), partition(.ordinary, to: 11, homeEpoch: 3),
            partition(.promoting, to: 11, link: "c->b"), partition(.ordinary, to: 11, homeEpoch: 4, link: "b->a"),
            partition(.fenced, to: 11, homeEpoch: 4),
        ] {
            #expect(rest(stranger, stranger).missing == Self.partitions && rest(stranger, stranger).begun.isEmpty)
        }
    }
}
