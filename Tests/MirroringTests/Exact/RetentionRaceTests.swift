import Mirroring
import Testing

@Suite struct RetentionRaceTests {
    private let race = RetentionRace(
        settings: ["cleanup.policy": "delete", "retention.ms": "1000", "retention.bytes": "500"])

    @Test func theMarginIsWhatIsLeftOfTheRetention() {
        #expect(race.marginInMilliseconds(next: nil, now: 9_000) == 1_000)
        #expect(race.marginInMilliseconds(next: 8_600, now: 9_000) == 600)
        #expect(race.marginInMilliseconds(next: 8_000, now: 9_000) == 0)
        #expect(race.marginInMilliseconds(next: 1, now: 9_000) == 0)
        // A clock that is ahead.
        #expect(race.marginInMilliseconds(next: 9_500, now: 9_000) == 1_000)
        #expect(race.marginInMilliseconds(next: .min + 1, now: 9_000) == 0)
        #expect(race.marginInBytes(lagInBytes: 0) == 500)
        #expect(race.marginInBytes(lagInBytes: 501) == 0)
    }

    @Test func whatIsKeptForEverHasNoMargin() {
        let kinds = [
            ["cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"],
            ["cleanup.policy": "compact", "retention.ms": "1000", "retention.bytes": "500"], [:],
        ]
        for settings in kinds {
            let race = RetentionRace(settings: settings)
            #expect(race.marginInMilliseconds(next: 1, now: 9_000) == nil && race.marginInBytes(lagInBytes: 9) == nil)
        }
        let both = RetentionRace(settings: ["cleanup.policy": "compact,delete", "retention.ms": "1000"])
        #expect(both.marginInMilliseconds(next: 8_999, now: 9_000) == 999)
    }
}
