import Mirroring
import Testing

@Suite struct IdentityLoopTests {
    private func find(_ edges: [(String, String)], allowsPairs: Bool = false) -> [String]? {
        IdentityLoop.find(
            in: edges.map { IdentityLoop.Edge(source: $0.0, target: $0.1) }, allowsPairs: allowsPairs)
    }

    @Test func findsCirclesOfAnyLength() {
        #expect(find([]) == nil)
        #expect(find([("a", "b"), ("a", "c"), ("b", "c")]) == nil)
        #expect(find([("a", "b"), ("b", "a")]) == ["a", "b", "a"])
        #expect(find([("x", "a"), ("a", "b"), ("b", "c"), ("c", "a")]) == ["a", "b", "c", "a"])
    }

    @Test func pairsMayBeAllowedButNoLongerCircles() {
        #expect(find([("a", "b"), ("b", "a")], allowsPairs: true) == nil)
        #expect(find([("a", "b"), ("b", "a"), ("b", "c"), ("c", "b")], allowsPairs: true) == nil)
        #expect(find([("a", "b"), ("b", "a"), ("b", "c"), ("c", "a")], allowsPairs: true) == ["a", "b", "c", "a"])
    }
}
