/// What a link does so that its target's quotas follow its source's, and the target's own are never touched: it changes
/// only what it has set itself, of which it keeps a mark.
///
/// A mark is what the link may have set: the limit that it is about to set is in it before it is set, with the one that
/// stood there until then, so that the link knows its own whenever it ended.
package struct FollowedQuotas: Equatable, Sendable {
    /// What to set at the target, where nobody has set anything or the link has.
    package private(set) var sets: [QuotaName: Double] = [:]
    /// Marks to write before that.
    package private(set) var marks: [QuotaName: Set<Double>] = [:]
    /// What to take back there: the link has set it, and the source has it no longer.
    package private(set) var removals: Set<QuotaName> = []
    /// What was the link's and is no longer, once ``removals`` are done.
    package private(set) var givenUp: Set<QuotaName> = []
    /// What somebody at the target has made different; it is in ``sets`` too.
    package private(set) var drift: [QuotaName: Double?] = [:]

    /// - Parameter marked: the marks that stand.
    package init(source: [QuotaName: Double], target: [QuotaName: Double], marked: [QuotaName: Set<Double>]) {
        for (name, limit) in source {
            let present = target[name]
            guard let mark = marked[name] else {
                if present == nil { set(name, to: limit, marking: []) }
                continue
            }
            guard present != limit || !mark.contains(limit) else { continue }
            set(name, to: limit, marking: mark.filter { $0 == present })
            if present != limit, present.map(mark.contains) != true { drift.updateValue(present, forKey: name) }
        }
        for (name, mark) in marked where source[name] == nil {
            if target[name].map(mark.contains) == true { removals.insert(name) }
            givenUp.insert(name)
        }
    }

    private mutating func set(_ name: QuotaName, to limit: Double, marking before: Set<Double>) {
        sets[name] = limit
        marks[name] = before.union([limit])
    }
}
