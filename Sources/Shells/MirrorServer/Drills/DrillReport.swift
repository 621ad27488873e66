import ClusterModel
import Mirroring

/// How the forks of a drill stand, for people and programs.
package struct DrillReport: Sendable, Encodable {
    package enum State: String, Sendable, Encodable {
        /// Nothing is there yet.
        case planned
        /// It is being filled, or was when the tool was killed.
        case filling
        case promoting
        case writable
    }

    package struct Partition: Sendable, Encodable {
        package var partition: Int32
        /// Whether fork and mirror topic hold the same up to ``to``.
        package var verdict = ProofReport.Verdict.unknown
        package var from: Offset = -1
        /// Up to where the mirror topic was forked; -1 when nobody knows.
        package var to: Offset = -1
        package var batches: Int64 = 0
        package var records: Int64 = 0
        package var bytes: Int64 = 0
        package var mirrorDigest = ""
        package var forkDigest = ""
        /// Where the fork ends now, with what was written into it since.
        package var forkEnd: Offset?
        /// Why nothing is known.
        package var fault: String?

        init(partition: Int32) { self.partition = partition }
    }

    package struct Topic: Sendable, Encodable {
        package var fork: String
        package var state: State
        package var partitions: [Partition] = []
        /// On all disks, with replicas.
        package var spaceInBytes: Int64 = 0
        /// From the start of the drill until clients could write; nil when that is not so yet, or nobody knows.
        package var secondsToWritable: Double?
        /// What the source had committed and the mirror topic had not when the drill began: what a failover would have
        /// lost. nil when nobody knows.
        package var recordsPossiblyLost: Int64?
        package var millisecondsPossiblyLost: Int64?
        /// Transactions that were open at the source and are aborted in the fork; only what this run has aborted.
        package var abortedTransactions = 0
        package var fault: String?

        init(fork: String, state: State) {
            self.fork = fork
            self.state = state
        }

        package var records: Int64 { partitions.reduce(0) { $0 + $1.records } }
        package var bytes: Int64 { partitions.reduce(0) { $0 + $1.bytes } }
        package var areEqual: Bool { partitions.allSatisfy { $0.verdict.isSound } }
    }

    package struct Position: Sendable, Encodable {
        package var group: String
        /// The fork.
        package var topic: String
        package var partition: Int32
        package var offset: Offset
        package var lagInRecords: Int64?
    }

    /// What the forks still need, and what there is.
    package struct Capacity: Sendable, Encodable {
        package struct Broker: Sendable, Encodable {
            package var broker: Int32
            package var totalBytes: Int64
            package var usableBytes: Int64
        }

        /// On all disks, with replicas.
        package var neededBytes: Int64
        /// Those that tell it.
        package var brokers: [Broker]

        init(_ capacity: DrillCapacity) {
            neededBytes = capacity.neededBytes
            brokers = capacity.brokers.map {
                Broker(broker: $0.broker.value, totalBytes: $0.totalBytes, usableBytes: $0.usableBytes)
            }
        }
    }

    package var link: String
    package var prefix: String
    /// Nothing was changed.
    package var isRehearsal = false
    /// By the mirror topics' names.
    package var topics: [String: Topic] = [:]
    package var positions: [Position] = []
    /// Groups whose positions could not be brought, with why.
    package var groupFaults: [String: String] = [:]
    package var capacity: Capacity
    /// From the start of the drill until the last fork was writable: the recovery time that was measured.
    package var secondsToWritable: Double?
    /// How this tool proves at the target who it is.
    package var securityProtocol: String
    /// Whether users, their quotas and access rules are at the target as at the source; nothing where it does not answer.
    package var following: [FollowReport] = []
    /// Why the source could not be asked how far it was ahead.
    package var sourceFault: String?

    init(_ fork: ForkLink, _ capacity: DrillCapacity, securityProtocol: String) {
        link = fork.link
        prefix = fork.prefix
        self.capacity = Capacity(capacity)
        self.securityProtocol = securityProtocol
    }

    /// Whether every fork is writable and holds what its mirror topic held.
    package var isDone: Bool {
        topics.values.allSatisfy { $0.state == .writable && $0.fault == nil && $0.areEqual }
    }
}

/// What has become of the forks of a drill that was ended, for people and programs.
package struct DrillEnd: Sendable, Encodable {
    package var link: String
    package var prefix: String
    /// Nothing was changed.
    package var isRehearsal: Bool
    /// The forks' names.
    package var deletedTopics: [String] = []
    /// How many positions groups had in them, which went with them.
    package var forgottenPositions: [String: Int] = [:]

    init(_ fork: ForkLink, isRehearsal: Bool) {
        link = fork.link
        prefix = fork.prefix
        self.isRehearsal = isRehearsal
    }
}
