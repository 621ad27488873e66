/// When sessions expire unless something is heard of them, in nanoseconds of the steady clock.
///
/// Invariant: a session is in the bucket of its deadline and in no other; no bucket is empty. Deadlines are rounded by
/// who sets them, so buckets are few, and most messages leave a session where it is.
struct SessionDeadlines: Sendable {
    private var deadlines: [Int64: Int64] = [:]
    private var buckets: [Int64: Set<Int64>] = [:]

    func deadline(of session: Int64) -> Int64? { deadlines[session] }

    mutating func set(_ deadline: Int64, of session: Int64) {
        let old = deadlines.updateValue(deadline, forKey: session)
        guard old != deadline else { return }
        if let old { removeFromBucket(old, session) }
        buckets[deadline, default: []].insert(session)
    }

    mutating func remove(_ session: Int64) {
        if let deadline = deadlines.removeValue(forKey: session) { removeFromBucket(deadline, session) }
    }

    private mutating func removeFromBucket(_ deadline: Int64, _ session: Int64) {
        buckets[deadline]?.remove(session)
        if buckets[deadline]?.isEmpty == true { buckets[deadline] = nil }
    }

    /// Sessions whose deadlines have passed: by deadline, then by id.
    func passed(at nanoseconds: Int64) -> [Int64] {
        buckets.keys.filter { $0 <= nanoseconds }.sorted().flatMap { buckets[$0]?.sorted() ?? [] }
    }
}
