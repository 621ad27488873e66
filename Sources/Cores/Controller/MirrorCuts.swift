import ClusterModel

/// Where the partitions of a topic were cut when its home moved, as one of the topic's settings (`mirror.cuts`) says:
/// `partition:offset@epoch`, by partition, with commas between.
///
/// What stands at a cut or behind it and is of an earlier leader epoch was cut off: whoever finds such records in its
/// log drops them, whenever that is. In epochs from that one on the log goes on at the cut. A replica may have been away
/// while the home moved more than once, so earlier cuts stand as long as they cut off more than the later ones.
package struct MirrorCuts: Sendable, Equatable {
    package struct Cut: Sendable, Equatable {
        package var offset: Offset
        /// With which the log goes on.
        package var leaderEpoch: LeaderEpoch

        package init(offset: Offset, leaderEpoch: LeaderEpoch) {
            self.offset = offset
            self.leaderEpoch = leaderEpoch
        }
    }

    package static let key = "mirror.cuts"
    /// How many are kept of a partition: more are more than a node of the tree has room for, where there are thousands of
    /// partitions.
    package static let mostOfPartition = 4

    /// By partition, each at a higher offset and of a later epoch than the one before it.
    package private(set) var cuts: [Int32: [Cut]] = [:]

    package init() {}

    /// What a topic's own settings say; what makes no sense in them, which only a foreign hand can have written, says
    /// nothing.
    package init(configs: [String: String]) {
        for item in configs[Self.key]?.split(separator: ",") ?? [] {
            let parts = item.split(whereSeparator: { $0 == ":" || $0 == "@" })
            guard parts.count == 3, let partition = Int32(parts[0]), let offset = Offset(parts[1]),
                let epoch = LeaderEpoch(parts[2]), offset >= 0
            else { continue }
            add(Cut(offset: offset, leaderEpoch: epoch), to: partition)
        }
    }

    /// Takes up a partition's next cut, which cuts off all that earlier ones at or behind it do.
    package mutating func add(_ cut: Cut, to partition: Int32) {
        let standing = cuts[partition, default: []].filter {
            $0.offset < cut.offset && $0.leaderEpoch < cut.leaderEpoch
        }
        cuts[partition] = (standing + [cut]).suffix(Self.mostOfPartition)
    }

    /// The last of a partition.
    package func latest(of partition: Int32) -> Cut? { cuts[partition]?.last }

    /// nil when there is nothing to say.
    package var text: String? {
        guard !cuts.isEmpty else { return nil }
        return cuts.sorted { $0.key < $1.key }
            .flatMap { partition, cuts in cuts.map { "\(partition):\($0.offset)@\($0.leaderEpoch)" } }
            .joined(separator: ",")
    }
}
