/// What a link does so that what its target holds of one kind follows its source's, and the target's own is never touched:
/// it changes only what it has set itself, of which it keeps a mark.
///
/// A mark is what the link may have set: what it is about to set is in it before it is set, with what stood there until
/// then, so that the link knows its own whenever it ended.
package struct Followed<Name: FollowedName, Value: Equatable & Sendable>: Sendable {
    /// What to set at the target, where nobody has set anything or the link has.
    package private(set) var sets: [Name: Value] = [:]
    /// Marks to write before that.
    package private(set) var marks: [Name: Set<Name.Mark>] = [:]
    /// What to take back there: the link has set it, and the source has it no longer.
    package private(set) var removals: Set<Name> = []
    /// What was the link's and is no longer, once ``removals`` are done.
    package private(set) var givenUp: Set<Name> = []
    /// What somebody at the target has made different; it is in ``sets`` too.
    package private(set) var drift: [Name: Value?] = [:]
    /// What the target has of its own and the source otherwise.
    package private(set) var kept: Set<Name> = []

    /// - Parameters:
    ///   - marked: the marks that stand.
    ///   - returned: those that the link the other way keeps at the source: what came from the target is not brought back.
    ///     Two links would else hand each other what both ends have given up.
    ///   - mark: by what a mark knows a value.
    package init(
        source: [Name: Value], target: [Name: Value], marked: [Name: Set<Name.Mark>],
        returned: [Name: Set<Name.Mark>] = [:], mark: (Value) -> Name.Mark
    ) {
        for (name, value) in source {
            let present = target[name]
            let cameFromTarget = returned[name]?.contains(mark(value)) == true
            guard let known = marked[name] else {
                if present != nil {
                    if present != value { kept.insert(name) }
                } else if !cameFromTarget {
                    sets[name] = value
                    marks[name] = [mark(value)]
                }
                continue
            }
            // Marked both ways, each link would hold what the other has brought for the source's own.
            if cameFromTarget {
                givenUp.insert(name)
                continue
            }
            guard present != value || !known.contains(mark(value)) else { continue }
            let presentMark = present.map(mark)
            sets[name] = value
            marks[name] = known.filter { $0 == presentMark }.union([mark(value)])
            if present != value, presentMark.map(known.contains) != true { drift.updateValue(present, forKey: name) }
        }
        for (name, known) in marked where source[name] == nil {
            if let present = target[name], known.contains(mark(present)) { removals.insert(name) }
            givenUp.insert(name)
        }
    }
}

extension Followed: Equatable {}

extension Followed where Value == Name.Mark {
    /// Of values by which marks know them.
    package init(
        source: [Name: Value], target: [Name: Value], marked: [Name: Set<Value>], returned: [Name: Set<Value>] = [:]
    ) {
        self.init(source: source, target: target, marked: marked, returned: returned) { $0 }
    }
}
