import ClusterModel

/// What became of topics whose old home returns, for people and programs.
package struct ReturnReport: Sendable, Encodable {
    package struct Partition: Sendable, Encodable {
        package var partition: Int32
        /// Up to there both homes have the same.
        package var cut: Offset
        /// Where the old home's log ends; what lies between is dropped there. Of one that has returned before: where what
        /// was kept ends.
        package var end: Offset
        /// Records copied to the quarantine topic.
        package var keptRecords: Int64 = 0

        init(partition: Int32, cut: Offset, end: Offset) {
            self.partition = partition
            self.cut = cut
            self.end = end
        }
    }

    package struct Topic: Sendable, Encodable {
        package var partitions: [Partition] = []
        /// nil when nothing had to be kept.
        package var quarantineTopic: String?
        /// Groups whose offsets at the old home lie behind a cut and could not be set back, with why.
        package var groupFaults: [String: String] = [:]
        /// It is a mirror topic of the link now.
        package var isDone = false
        /// Why it was left.
        package var fault: String?

        init(fault: String? = nil) { self.fault = fault }
    }

    package var link: String
    /// Nothing was changed.
    package var isRehearsal: Bool
    package var topics: [String: Topic] = [:]

    init(link: String, isRehearsal: Bool) {
        self.link = link
        self.isRehearsal = isRehearsal
    }

    /// Whether every topic is where it was to be.
    package var isDone: Bool { topics.values.allSatisfy { $0.fault == nil && ($0.isDone || isRehearsal) } }
}
