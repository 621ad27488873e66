import ClusterModel

/// What became of a move of homes, for people and programs.
package struct MoveReport: Sendable, Encodable {
    package struct Topic: Sendable, Encodable {
        package var partitions: Int32
        package var homeEpoch: Int32
        package var isDone: Bool
        /// Its home was here before, went to the source, and is here again or is to be: what the source never had is kept.
        package var isReclaimed: Bool
        /// Of one that is reclaimed, how many records these are; nil when nobody knows.
        package var recordsOnlyHere: Int64?
        /// Why it was left.
        package var fault: String?
        /// Where its partitions were cut, in their order.
        package var cuts: [Offset] = []
        /// By this run; of a rehearsal, those that would be.
        package var abortedTransactions = 0
        /// What the source has committed and the target has not: when it was fenced, or where it could not be, when the
        /// move began. nil when nobody knows. Of a topic that is reclaimed, what was written there since it was the home.
        package var recordsPossiblyLost: Int64? = 0
        /// How much later the source's last record of any partition was written than the target's; nil when nobody
        /// knows.
        package var millisecondsPossiblyLost: Int64? = 0
        /// When the last mirrored record was written, in milliseconds since 1970; nil where the home had moved before, and
        /// clients have written since.
        package var lastTimestamp: Int64? = -1

        package init(partitions: Int32, homeEpoch: Int32, isDone: Bool, isReclaimed: Bool = false) {
            self.partitions = partitions
            self.homeEpoch = homeEpoch
            self.isDone = isDone
            self.isReclaimed = isReclaimed
            recordsOnlyHere = isReclaimed ? 0 : nil
        }

        /// Adds what one partition may lose.
        mutating func tellLost(_ records: Int64?, _ milliseconds: Int64?) {
            recordsPossiblyLost.add(records)
            millisecondsPossiblyLost.raise(milliseconds)
        }
    }

    package var link: String
    /// Nothing was changed.
    package var isRehearsal: Bool
    package var topics: [String: Topic] = [:]
    package var isSourceFenced = false
    /// Topics that a planned move has left, because their home has moved from the target to the source and they have not
    /// returned as its mirrors.
    package var notReturned: [String] = []
    /// Groups whose offsets lie behind a cut and could not be set back, with why.
    package var groupFaults: [String: String] = [:]
    /// Why the source could not be asked or told.
    package var sourceFault: String?
    /// How long it took.
    package var seconds = 0.0

    package init(link: String, isRehearsal: Bool) {
        self.link = link
        self.isRehearsal = isRehearsal
    }

    /// Whether every topic is where it was to be.
    package var isDone: Bool { topics.values.allSatisfy { $0.isDone && $0.fault == nil } }
}

extension Int64? {
    /// The sum; what is not known makes it unknown.
    package mutating func add(_ more: Int64?) { self = both(self, more).map { $0 + $1 } }

    /// The larger one; what is not known makes it unknown.
    mutating func raise(_ other: Int64?) { self = both(self, other).map { Swift.max($0, $1) } }

    private func both(_ left: Int64?, _ right: Int64?) -> (Int64, Int64)? {
        guard let left, let right else { return nil }
        return (left, right)
    }
}
