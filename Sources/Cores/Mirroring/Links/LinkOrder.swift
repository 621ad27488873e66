/// What an operator wants of a link while mirrors run.
///
/// | from \ order | pause | resume | set | create | delete |
/// | --- | --- | --- | --- | --- | --- |
/// | no link | - | - | - | running | - |
/// | running | paused | running | running | - | deleted |
/// | paused | paused | running | paused | - | deleted |
/// | deleted | - | - | - | running | deleted |
///
/// Every order may be given again, and then changes nothing but its reason, which stays where none is given.
package enum LinkOrder: Sendable, Equatable {
    case pause
    case resume
    /// Settings that stand before the file's; and those that are the file's again.
    case set([String: String], unset: [String])
    /// With settings of its own.
    case create([String: String])
    /// All that was decided about the link before is forgotten.
    case delete

    /// Why an order makes no sense.
    package struct Refusal: Error, Sendable, Equatable, CustomStringConvertible {
        package var description: String
    }

    /// What is decided when this order is given.
    /// - Parameters:
    ///   - link: its name.
    ///   - before: what was decided about it until now; nil for nothing.
    ///   - isEnabledByFile: whether the file alone enables it.
    package func decision(
        about link: String, after before: LinkDecision?, isEnabledByFile: Bool, reason: String?,
        at unixMilliseconds: Int64
    ) throws(Refusal) -> LinkDecision {
        let isLink =
            before?.state != .deleted && (isEnabledByFile || before?.settings[LinkDecision.enabling] == "true")
        var next = LinkDecision(
            before?.state ?? .running, before?.settings ?? [:], reason: reason, at: unixMilliseconds)
        switch self {
        case .create(let settings):
            // Who was not told that it stands asks again.
            let isRepeated = before?.state == .running && before?.settings == Self.created(settings)
            guard !isLink || isRepeated else {
                throw Refusal(description: "there is a link \(link) already: martlet mirror set changes it")
            }
            return LinkDecision(.running, Self.created(settings), reason: reason, at: unixMilliseconds)
        case .delete where before?.state == .deleted: return next
        case _ where !isLink: throw Refusal(description: "there is no link \(link): martlet mirror create begins it")
        case .pause: next.state = .paused
        case .resume: next.state = .running
        case .set(let settings, let unset):
            for key in unset {
                let old = next.settings.removeValue(forKey: key)
                guard old != nil else { throw Refusal(description: "\(link): \(key) was not set by martlet mirror") }
            }
            next.settings.merge(settings) { $1 }
        case .delete: return LinkDecision(.deleted, reason: reason, at: unixMilliseconds)
        }
        if reason == nil, next.state == before?.state { next.reason = before?.reason }
        return next
    }

    private static func created(_ settings: [String: String]) -> [String: String] {
        settings.merging([LinkDecision.enabling: "true"]) { $1 }
    }
}
