import Mirroring
import Testing

@Suite struct DeletionWatchTests {
    @Test func onlyWhatIsMissingForLongIsGone() {
        var watch = DeletionWatch()
        #expect(watch.look(absent: ["a", "b"]).isEmpty)
        #expect(watch.look(absent: ["a", "b", "c"]).isEmpty)
        // It is back.
        #expect(watch.look(absent: ["a", "c"]) == ["a"])
        #expect(watch.look(absent: ["a", "b", "c"]) == ["a", "c"])
        #expect(watch.look(absent: ["b"]).isEmpty)
        #expect(watch.look(absent: ["b"]) == ["b"])
    }
}
