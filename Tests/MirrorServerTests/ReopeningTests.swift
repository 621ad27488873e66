import Testing

@testable import MirrorServer

@Suite("What is said of the source of a move that was given up")
struct ReopeningTests {
    private func told(_ change: (inout Reopening) -> Void) -> String {
        var reopening = Reopening(source: "west")
        change(&reopening)
        return reopening.description
    }

    @Test func itIsOpenWhereItIs() {
        #expect(told { $0.open = ["a", "b"] } == "west is open for writing again")
        #expect(told { _ in } == "west is open for writing again")
    }

    @Test func whatIsBeingPromotedStaysClosed() {
        let begun = "west stays closed for b, for the promotion has begun: run this again to go on"
        #expect(told { $0.begun = ["b"] } == begun)
        #expect(
            told {
                $0.begun = ["b"]
                $0.open = ["a", "c", "d", "e"]
            } == begun + "; it is open for writing again for a, c, d and 1 more")
        #expect(
            told {
                $0.unopened = ["b": "its home is elsewhere"]
                $0.open = ["a"]
            } == "west stays closed for b: its home is elsewhere; it is open for writing again for a")
    }

    @Test func whatNobodyKnowsIsNotPromised() {
        let words = told {
            $0.open = ["a"]
            $0.fault = "no answer"
        }
        #expect(words == "whether west is open for writing again is not known (no answer): run this again")
    }
}
