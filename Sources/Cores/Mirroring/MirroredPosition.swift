import ClusterModel

/// A place between two records at the source and the same place at the target: the offsets of what comes next.
package struct MirroredPosition: Sendable, Equatable {
    package var source: Offset
    package var target: Offset

    package init(source: Offset, target: Offset) {
        self.source = source
        self.target = target
    }

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
