/// How far a link is ahead of what its source deletes: what retention takes before it is mirrored is a gap.
package struct RetentionRace: Sendable, Equatable {
    /// The source's `retention.ms` for the topic; nil where nothing is deleted for its age.
    package var retentionInMilliseconds: Int64?
    /// Its `retention.bytes`, of one partition; nil where nothing is deleted for its size.
    package var retentionInBytes: Int64?

    /// - Parameter settings: all that hold for the topic at the source, also those that nobody has set.
    package init(settings: [String: String]) {
        guard settings["cleanup.policy"]?.contains("delete") ?? false else { return }
        retentionInMilliseconds = settings["retention.ms"].flatMap { Int64($0) }.flatMap { $0 < 0 ? nil : $0 }
        retentionInBytes = settings["retention.bytes"].flatMap { Int64($0) }.flatMap { $0 < 0 ? nil : $0 }
    }

    /// How long the source keeps for certain what is to be mirrored next; nil for ever, 0 when it may go at any moment.
    /// - Parameters:
    ///   - next: when that was written, in milliseconds since 1970; nil when nothing is missing.
    ///   - now: likewise.
    package func marginInMilliseconds(next: Int64?, now: Int64) -> Int64? {
        guard let retention = retentionInMilliseconds else { return nil }
        guard let next else { return retention }
        let age = max(0, now - max(0, next))
        return age >= retention ? 0 : retention - age
    }

    /// How much more may be written at the source until what is to be mirrored next may go; nil for any amount.
    package func marginInBytes(lagInBytes: Int64) -> Int64? { retentionInBytes.map { max(0, $0 - lagInBytes) } }
}
