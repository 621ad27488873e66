import Mirroring
import Testing

@Suite struct GroupPositionTests {
    private func toCommit(_ source: Int64, _ before: Int64?, _ target: Int64?) -> Int64? {
        GroupPosition.toCommit(source: source, before: before, target: target, mirrored: 10...20)
    }

    @Test func followsWithinWhatIsMirrored() {
        #expect(toCommit(15, nil, nil) == 15)
        #expect(toCommit(15, 15, 12) == 15)
        #expect(toCommit(25, nil, 12) == 20)
        #expect(toCommit(25, nil, 20) == nil)
        #expect(toCommit(5, nil, nil) == 10)
    }

    @Test func goesBackOnlyWithTheSource() {
        #expect(toCommit(12, nil, 15) == nil)
        #expect(toCommit(12, 12, 15) == nil)
        #expect(toCommit(12, 11, 15) == nil)
        #expect(toCommit(12, 14, 15) == 12)
        #expect(toCommit(12, nil, 21) == 12)
    }
}
