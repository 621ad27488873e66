import ClusterModel

/// Where the partitions of a topic were cut when its home moved, as one of the topic's settings (`mirror.cuts`) says:
/// `partition:offset@epoch`, by partition, with commas between.
///
/// What stands at the cut or behind it and is of an earlier leader epoch was cut off: whoever finds such records in its
/// log drops them, whenever that is. In epochs from that one on the log goes on at the cut.
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

    /// By partition.
    package var cuts: [Int32: Cut]

    package init(_ cuts: [Int32: Cut] = [:]) { self.cuts = cuts }

    /// What a topic's own settings say; what makes no sense in them, which only a foreign hand can have written, says
    /// nothing.
    package init(configs: [String: String]) {
        cuts = [:]
        for item in configs[Self.key]?.split(separator: ",") ?? [] {
            let parts = item.split(whereSeparator: { $0 == ":" || $0 == "@" })
            guard parts.count == 3, let partition = Int32(parts[0]), let offset = Offset(parts[1]),
                let epoch = LeaderEpoch(parts[2]), offset >= 0
            else { continue }
            cuts[partition] = Cut(offset: offset, leaderEpoch: epoch)
        }
    }

    /// nil when there is nothing to say.
    package var text: String? {
        guard !cuts.isEmpty else { return nil }
        return cuts.sorted { $0.key < $1.key }.map { "\($0.key):\($0.value.offset)@\($0.value.leaderEpoch)" }
            .joined(separator: ",")
    }
}
