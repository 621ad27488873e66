import Mirroring
import Settings

extension MirrorSettings {
    /// The links as they are after what was decided about them. What cannot be has a refusal, and that link rests; which
    /// ones these are depends on nothing but the file and what stands decided, so a restart changes nothing.
    package func links(after decisions: LinkDecisions) -> [LinkSettings] {
        let names = Set(links.map(\.name))
        var refusals = decisions.unreadable
        var holding = decisions.known.filter { names.contains($0.key) }
        for name in refusals.keys where names.contains(name) { holding[name] = Self.atRest }
        var decided: [LinkSettings]
        switch links(asIf: holding) {
        case .success(let links): decided = links
        case .failure:
            refusals.merge(takeBack(from: &holding)) { $1 }
            guard case .success(let links) = links(asIf: holding) else {
                preconditionFailure("decisions hold one by one and not together: \(holding)")
            }
            decided = links
        }
        for index in decided.indices {
            decided[index].decision = decisions.known[decided[index].name]
            decided[index].refusal = refusals[decided[index].name]
        }
        return decided
    }

    private static let atRest = LinkDecision(.deleted, at: 0)

    /// Lets links rest whose decisions cannot hold beside what was decided before.
    /// - Returns: why.
    private func takeBack(from decisions: inout [String: LinkDecision]) -> [String: String] {
        var refusals: [String: String] = [:]
        var holding: [String: LinkDecision] = [:]
        for (name, decision) in decisions.sorted(by: Self.isBefore) {
            holding[name] = decision
            guard case .failure(let invalid) = links(asIf: holding) else { continue }
            refusals[name] = invalid.problems.joined(separator: "; ")
            holding[name] = Self.atRest
        }
        decisions = holding
        return refusals
    }

    /// What ends links comes first, for others may hold because of it.
    private static func isBefore(
        _ left: (key: String, value: LinkDecision), _ right: (key: String, value: LinkDecision)
    ) -> Bool {
        func place(_ one: (key: String, value: LinkDecision)) -> (Int, Int64, String) {
            (one.value.state == .deleted ? 0 : 1, one.value.decidedAtUnixMilliseconds, one.key)
        }
        return place(left) < place(right)
    }

    /// The links of a file that says what was decided.
    private func links(asIf decisions: [String: LinkDecision]) -> Result<[LinkSettings], InvalidSettings> {
        var decided = file
        for (name, decision) in decisions.sorted(by: { $0.key < $1.key }) {
            var settings = decision.settings
            if decision.state == .deleted { settings = [LinkDecision.enabling: "false"] }
            let keys = Set(settings.keys.map { "\(name).\($0)" })
            decided.entries.removeAll { keys.contains($0.key) }
            decided.entries += settings.sorted { $0.key < $1.key }.map { key, value in
                PropertiesFile.Entry(key: "\(name).\(key)", value: value, line: 0)
            }
        }
        do throws(InvalidSettings) {
            return .success(try Self.read(decided, targets: targets).settings.links)
        } catch {
            return .failure(error)
        }
    }
}
