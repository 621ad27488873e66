import Mirroring
import Testing

@Suite struct RecoveryPointTests {
    private let begun = ContinuousClock.now

    private func moment(_ seconds: Int) -> ContinuousClock.Instant { begun + .seconds(seconds) }

    @Test func itIsAsLateAsWhatHasArrived() {
        var point = RecoveryPoint()
        point.source(endsAt: 10, moment(1))
        // Written later: says nothing of the moment before.
        point.source(endsAt: 20, moment(2))
        point.mirror(endsAt: 9)
        #expect(point.moment == nil)
        point.mirror(endsAt: 15)
        #expect(point.moment == moment(1))
        point.source(endsAt: 30, moment(3))
        point.mirror(endsAt: 29)
        #expect(point.moment == moment(1))
        point.mirror(endsAt: 30)
        #expect(point.moment == moment(3))
    }

    @Test func aSourceThatIsNotHeardOfAnyMoreMayHaveGoneOn() {
        var point = RecoveryPoint()
        #expect(point.age(lag: 0, at: moment(1)) == nil)
        point.source(endsAt: 10, moment(1))
        point.mirror(endsAt: 10)
        #expect(point.age(lag: 0, at: moment(2)) == .zero)
        #expect(point.age(lag: 3, at: moment(2)) == .seconds(1))
        #expect(point.age(lag: 0, at: moment(31)) == .seconds(30))
    }

    @Test func anEndThatTheSourceHasLostIsNotWaitedFor() {
        var point = RecoveryPoint()
        point.source(endsAt: 20, moment(1))
        point.interrupted()
        point.source(endsAt: 10, moment(2))
        point.mirror(endsAt: 10)
        #expect(point.moment == moment(2))
    }

    @Test func aMirrorInStepIsAsLateAsTheLastLook() {
        var point = RecoveryPoint()
        for second in 0..<5 {
            point.source(endsAt: 7, moment(second))
            point.mirror(endsAt: 7)
            #expect(point.moment == moment(second))
        }
    }
}
