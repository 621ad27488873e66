/// Which partition of `__consumer_offsets` holds a group.
package enum GroupPlacement {
    /// The partition of `group` among `partitionCount` (1 and up), as Apache Kafka computes it: Java's hash of the
    /// name over its UTF-16 units, its sign dropped.
    package static func partition(of group: String, among partitionCount: Int32) -> Int32 {
        var hash: Int32 = 0
        for unit in group.utf16 { hash = 31 &* hash &+ Int32(unit) }
        return (hash == .min ? 0 : abs(hash)) % partitionCount
    }
}
