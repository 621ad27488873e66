import ClusterModel

/// A place between two records at the source and the same place at the target: the offsets of what comes next.
///
/// Kept as a committed offset of the mirror's group at the target: the offset is the source's, the metadata the
/// target's.
package struct MirroredPosition: Sendable, Equatable {
    package var source: Offset
    package var target: Offset

    package init(source: Offset, target: Offset) {
        self.source = source
        self.target = target
    }

    /// The position as ``metadata`` and the committed offset give it; nil when the metadata is not ours.
    package init?(committedOffset: Offset, metadata: String) {
        guard committedOffset >= 0, let target = Offset(metadata), target >= 0 else { return nil }
        self.init(source: committedOffset, target: target)
    }

    package var metadata: String { String(target) }

    /// The group at the target in whose offsets the positions of the flow from `source` stand.
    package static func group(source: String) -> String { "martlet-mirror.\(source)" }
}

/// How the mirror's batches of one partition are numbered at the target.
package struct ProducerPosition: Sendable, Equatable {
    package var id: ProducerID
    package var epoch: Int16
    /// The sequence of the next record.
    package var nextSequence: Int32

    package init(id: ProducerID, epoch: Int16, nextSequence: Int32) {
        self.id = id
        self.epoch = epoch
        self.nextSequence = nextSequence
    }

    /// After the largest `Int32` sequences go on with 0.
    mutating func advance(by count: Int32) {
        nextSequence = Int32((Int64(nextSequence) + Int64(count)) % (Int64(Int32.max) + 1))
    }
}
