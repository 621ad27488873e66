/// The versions of a message in which something exists; both ends belong to it.
package struct VersionRange: Equatable, Sendable {
    package var lowest: Int
    package var highest: Int

    /// What `3+` has for its highest.
    package static let unbounded = Int(Int16.max)

    package init(_ lowest: Int, _ highest: Int) {
        self.lowest = lowest
        self.highest = highest
    }

    /// Reads `3`, `3-7` or `3+`; nil for any other text and for a range that ends before it starts.
    package init?(_ text: Substring) {
        if text.hasSuffix("+") {
            guard let lowest = Int(text.dropLast()) else { return nil }
            self.init(lowest, Self.unbounded)
            return
        }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard let first = ends.first, let last = ends.last, let lowest = first, let highest = last, ends.count <= 2,
            lowest <= highest
        else { return nil }
        self.init(lowest, highest)
    }

    /// Nil when no version belongs to both.
    package func intersection(_ other: VersionRange) -> VersionRange? {
        let common = VersionRange(max(lowest, other.lowest), min(highest, other.highest))
        return common.lowest <= common.highest ? common : nil
    }

    package func covers(_ other: VersionRange) -> Bool {
        lowest <= other.lowest && highest >= other.highest
    }

    /// A Swift condition on `version` that holds within this range, given that `version` lies in `known`; nil when
    /// it always holds.
    package func condition(within known: VersionRange) -> String? {
        if covers(known) { return nil }
        if lowest == highest { return "version == \(lowest)" }
        if lowest <= known.lowest { return "version <= \(highest)" }
        if highest >= known.highest { return "version >= \(lowest)" }
        return "version >= \(lowest) && version <= \(highest)"
    }
}
