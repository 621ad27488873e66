import ClusterModel

/// What a group's committed offset at the target becomes, so that the group could go on there with the same records.
package enum GroupPosition {
    /// - Parameters:
    ///   - source: what the group has committed at the source.
    ///   - before: what was committed there when this life of the mirror last looked; nil when it never did.
    ///   - target: what the group has committed at the target; nil for nothing.
    ///   - mirrored: the offsets that the mirror topic holds and consumers may read, from its start to its high
    ///     watermark.
    /// - Returns: the offset to commit; nil when there is nothing to change. Never beyond what is mirrored, and never
    ///   backwards unless the group itself went back at the source.
    package static func toCommit(
        source: Offset, before: Offset?, target: Offset?, mirrored: ClosedRange<Offset>
    ) -> Offset? {
        let wanted = min(max(source, mirrored.lowerBound), mirrored.upperBound)
        guard let target else { return wanted }
        if wanted == target { return nil }
        if wanted > target { return wanted }
        // A target beyond what is mirrored is of a log that is no more.
        if target > mirrored.upperBound { return wanted }
        guard let before, source < before else { return nil }
        return wanted
    }
}
