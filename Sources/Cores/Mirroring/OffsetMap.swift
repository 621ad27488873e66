import ClusterModel

/// Which target offset a source offset of one partition has, for all that was copied since the map began.
///
/// Runs are kept in which both count alike; transaction markers and the holes of compaction end a run. Old runs are
/// forgotten; translation never answers an offset above the true one, so that no group skips a record.
package struct OffsetMap: Sendable {
    package struct Run: Sendable, Equatable {
        package var source: Offset
        package var target: Offset
        /// Whether offsets inside count alike; otherwise all of them stand for its beginning.
        package var isExact: Bool

        package init(source: Offset, target: Offset, isExact: Bool) {
            self.source = source
            self.target = target
            self.isExact = isExact
        }
    }

    /// More runs than this forget the oldest.
    private static let capacity = 8192

    /// In order.
    package private(set) var runs: [Run] = []
    /// What follows the last record copied; nil when nothing was.
    package private(set) var end: MirroredPosition?

    /// Whether records were copied since the map began.
    package var hasRecords: Bool { !runs.isEmpty }

    package init() {}

    /// The copy goes on at `position`; of what was copied before no more is known than `runs`.
    package init(at position: MirroredPosition, after runs: [Run] = []) {
        end = position
        self.runs = runs
    }

    /// The copy goes on at `position`. What was copied since is not known in detail; when that is behind it, nothing is.
    package mutating func goOn(at position: MirroredPosition) {
        guard let end, position.source >= end.source, position.target >= end.target else {
            self = OffsetMap(at: position)
            return
        }
        // Also where nothing was copied, so that the last run does not stand for what lies behind it.
        if position.target > end.target || (position.source > end.source && runs.last?.isExact == false) {
            extend(end.source, sourceEnd: position.source, end.target, targetEnd: position.target)
        }
        self.end = position
    }

    /// Records from `source` up to, not including, `sourceEnd` now stand at the target, `count` of them from `target`.
    /// - Returns: whether a new run began, which is worth an offset sync.
    @discardableResult
    package mutating func add(source: Offset, sourceEnd: Offset, target: Offset, count: Int32) -> Bool {
        extend(source, sourceEnd: sourceEnd, target, targetEnd: target + Offset(count))
    }

    @discardableResult
    private mutating func extend(
        _ source: Offset, sourceEnd: Offset, _ target: Offset, targetEnd: Offset
    ) -> Bool {
        let isExact = sourceEnd - source == targetEnd - target
        defer { end = MirroredPosition(source: sourceEnd, target: targetEnd) }
        // Offsets of the source that have no copy end a run too, also when they lie between two lives of the map.
        if isExact, let last = runs.last, last.isExact, end?.source == source, end?.target == target,
            source - last.source == target - last.target
        {
            return false
        }
        if runs.count >= Self.capacity { runs.removeFirst(Self.capacity / 2) }
        runs.append(Run(source: source, target: target, isExact: isExact))
        return true
    }

    /// The offset at the target from which a group goes on that is at `offset` at the source; nil when that is before
    /// the map's beginning. A group that is ahead of the copy goes on where the copy ends.
    package func translate(_ offset: Offset) -> Offset? {
        guard let end else { return nil }
        if offset >= end.source { return end.target }
        guard let first = runs.first, offset >= first.source else { return nil }
        var low = 0
        var high = runs.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if runs[middle].source <= offset { low = middle } else { high = middle }
        }
        let run = runs[low]
        let next = low + 1 < runs.count ? runs[low + 1].target : end.target
        return run.isExact ? min(run.target + (offset - run.source), next) : run.target
    }
}
