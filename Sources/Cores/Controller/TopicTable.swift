/// Topics by name.
///
/// They lie in buckets that copies share until one changes, so that a broker of 10,000 topics pays for a change of one
/// with the copying and comparing of a few dozen.
package struct TopicTable: Sendable, Equatable, Sequence {
    private static let bucketCount = 256

    private var buckets: [[String: TopicImage]]

    package init() { buckets = Array(repeating: [:], count: Self.bucketCount) }

    package subscript(name: String) -> TopicImage? {
        get { buckets[Self.bucket(of: name)][name] }
        set { buckets[Self.bucket(of: name)][name] = newValue }
    }

    package var isEmpty: Bool { buckets.allSatisfy(\.isEmpty) }
    package var count: Int { buckets.reduce(0) { $0 + $1.count } }

    /// In no order.
    package var keys: some Sequence<String> { buckets.lazy.flatMap(\.keys) }

    /// In no order.
    package func makeIterator() -> FlattenSequence<[[String: TopicImage]]>.Iterator { buckets.joined().makeIterator() }

    /// Names whose topics are different in `older`, or only there or here; sorted.
    package func names(differingFrom older: TopicTable) -> [String] {
        var names: [String] = []
        // Buckets that are shared are equal in constant time.
        for (bucket, before) in zip(buckets, older.buckets) where bucket != before {
            for (name, topic) in bucket where before[name] != topic { names.append(name) }
            for name in before.keys where bucket[name] == nil { names.append(name) }
        }
        return names.sorted()
    }

    /// Takes a topic out, so that it can be changed without a copy.
    mutating func remove(_ name: String) -> TopicImage? { buckets[Self.bucket(of: name)].removeValue(forKey: name) }

    /// FNV-1a: the same in every process.
    private static func bucket(of name: String) -> Int {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return Int(hash % UInt64(bucketCount))
    }
}
