import Mirroring
import Testing

@Suite struct LinkOrderTests {
    private func decision(
        _ order: LinkOrder, after before: LinkDecision? = nil, enabled: Bool = true, reason: String? = "so"
    ) throws(LinkOrder.Refusal) -> LinkDecision {
        try order.decision(about: "a->b", after: before, isEnabledByFile: enabled, reason: reason, at: 7)
    }

    private func refusal(_ order: LinkOrder, after before: LinkDecision? = nil, enabled: Bool = true) -> String? {
        do throws(LinkOrder.Refusal) {
            _ = try decision(order, after: before, enabled: enabled)
            return nil
        } catch {
            return error.description
        }
    }

    @Test func aLinkOfTheFileRestsAndGoesOn() throws {
        let paused = try decision(.pause)
        #expect(paused == LinkDecision(.paused, reason: "so", at: 7))
        #expect(try decision(.pause, after: paused) == paused)
        let set = try decision(.set(["topics": "x", "groups": "y"], unset: []), after: paused)
        #expect(set.state == .paused)
        let running = try decision(.resume, after: set)
        #expect(running.state == .running)
        #expect(running.settings == ["topics": "x", "groups": "y"])
        let unset = try decision(.set(["topics": "z"], unset: ["groups"]), after: running)
        #expect(unset.settings == ["topics": "z"])
        #expect(refusal(.set([:], unset: ["groups"]), after: unset)?.contains("groups was not set") ?? false)
    }

    @Test func whyALinkRestsIsNotForgotten() throws {
        let paused = try decision(.pause)
        for order in [LinkOrder.pause, .set(["topics": "x"], unset: [])] {
            #expect(try decision(order, after: paused, reason: nil).reason == "so")
            #expect(try decision(order, after: paused, reason: "still").reason == "still")
        }
        #expect(try decision(.resume, after: paused, reason: nil).reason == nil)
    }

    @Test func aLinkIsCreatedOnceAndDeletedForGood() throws {
        #expect(refusal(.create([:]))?.contains("a link a->b already") ?? false)
        let created = try decision(.create(["topics": "x"]), enabled: false)
        #expect(created.settings == ["topics": "x", "enabled": "true"])
        // Who did not hear of it asks again; who wants something else is told.
        #expect(try decision(.create(["topics": "x"]), after: created, enabled: false) == created)
        #expect(refusal(.create(["topics": "y"]), after: created, enabled: false) != nil)
        for enabled in [true, false] {
            let deleted = try decision(.delete, after: created, enabled: enabled)
            #expect(deleted == LinkDecision(.deleted, reason: "so", at: 7))
            #expect(try decision(.delete, after: deleted, enabled: enabled) == deleted)
            for order in [LinkOrder.pause, .resume, .set(["topics": "x"], unset: [])] {
                #expect(refusal(order, after: deleted, enabled: enabled)?.contains("no link a->b") ?? false)
            }
            #expect(try decision(.create([:]), after: deleted, enabled: enabled).settings == ["enabled": "true"])
        }
    }

    @Test func whatIsNoLinkTakesNoOrders() {
        for order in [LinkOrder.pause, .resume, .set(["topics": "x"], unset: []), .delete] {
            #expect(refusal(order, enabled: false)?.contains("martlet mirror create") ?? false)
        }
    }
}
