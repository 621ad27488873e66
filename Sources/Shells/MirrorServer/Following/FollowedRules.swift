import MartletClient
import Mirroring
import Security

/// Access rules (ACLs, KIP-140): all of them as they are, or what MirrorMaker 2 makes of those of mirrored topics.
struct FollowedRules: FollowedKind {
    let source: Administrator
    let target: Administrator
    /// What becomes of the source's rule at the target; nil leaves it out.
    let translate: @Sendable (RuleName) -> RuleName?
    private let names: LinkNames

    init(_ settings: LinkSettings, source: Administrator, target: Administrator) {
        self.source = source
        self.target = target
        let (plan, names) = (settings.plan, settings.names)
        self.names = names
        switch settings.mode {
        case .exact: translate = { $0.atExactTarget(names) }
        case .compatible:
            translate = { rule in
                rule.atCompatibleTarget { plan.copies($0) ? plan.policy.remoteTopic($0, of: plan.source) : nil }
            }
        }
    }

    static var words: String { "access rules" }

    func atTarget(_ name: RuleName) -> RuleName? { name.atExactTarget(names) }

    func atSource() async throws -> [RuleName: Presence]? {
        do {
            let rules = try await source.accessRules().compactMap(translate)
            return Dictionary(rules.map { ($0, Presence.present) }) { first, _ in first }
        } catch let fault as ClientFault where fault.code == .securityDisabled || fault.isUnsupported {
            return nil
        }
    }

    func atTarget() async throws -> [RuleName: Presence] {
        do {
            return Dictionary(try await target.accessRules().map { ($0, Presence.present) }) { first, _ in first }
        } catch let fault as ClientFault where fault.code == .securityDisabled || fault.isUnsupported {
            throw NotFollowed("the target's brokers keep no access rules: give them an authorizer.class.name")
        }
    }

    func change(_ changes: [RuleName: Presence?], from present: [RuleName: Presence]) async throws {
        try await target.createAccessRules(changes.filter { $0.value != nil }.keys.sorted())
        try await target.deleteAccessRules(changes.filter { $0.value == nil }.keys.sorted())
    }

    func text(of value: Presence) -> String? { nil }
}
