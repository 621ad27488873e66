import ClusterModel
import KafkaProtocol
import KafkaProtocolGroups
import Seams
import Testing

@testable import Groups

/// A client of the new protocol as the KIP wants it, apart from the mishaps that a test makes happen to it.
struct VirtualConsumer {
    let instanceID: String?
    var topics: [String]?
    var pattern: String?
    private(set) var memberID = ""
    private(set) var epoch: Int32 = 0
    /// What it reads now: the truth that the test looks at.
    private(set) var owned = PartitionSet()
    /// What it was told to read.
    private var wanted = PartitionSet()
    private var isIn = false
    /// Whether it has to say all again, because it does not know what the broker heard.
    private var saysAll = false
    /// When it last heard of the broker.
    private var heardAt: Instant?
    private var number = 0
    private let name: String

    static let sessionTimeout = Duration.seconds(45)

    init(number: Int, isStatic: Bool) {
        name = "consumer-\(number)"
        instanceID = isStatic ? "seat-\(number)" : nil
    }

    /// The process dies; the next one is somebody new.
    mutating func crash() {
        number += 1
        memberID = ""
        abandon()
    }

    /// The subscription changes.
    mutating func subscribe(topics: [String]?, pattern: String?) {
        (self.topics, self.pattern) = (topics, pattern)
        saysAll = true
    }

    private mutating func abandon() {
        (epoch, isIn, owned, wanted, heardAt) = (0, false, PartitionSet(), PartitionSet(), nil)
    }

    /// Who has not heard of the broker for a session may have been replaced, and reads no more.
    mutating func notice(_ now: Instant) {
        if let heardAt, now - heardAt >= Self.sessionTimeout { abandon() }
    }

    /// Lets go what it must, takes what it may, and speaks.
    ///
    /// - Parameter isLost: the broker hears of it, but its answer gets lost.
    mutating func proceed(_ bench: inout GroupBench, isLost: Bool = false) {
        owned = wanted
        if memberID.isEmpty { memberID = "\(name)-\(number)" }
        var beat = Beat(memberID: memberID, epoch: epoch, instanceID: instanceID, owned: owned)
        if !isIn || saysAll {
            (beat.topics, beat.pattern, beat.rebalanceTimeoutMs) = (topics ?? [], pattern ?? "", 60_000)
        }
        let response = bench.beat(beat)
        guard !isLost else { return saysAll = true }
        heardAt = bench.now
        switch response.error {
        case .none:
            (epoch, isIn, saysAll) = (response.memberEpoch, true, false)
            if let told = response.partitions {
                // Gone at once; what is new is read from the next step on.
                wanted = told
            }
        case .fencedMemberEpoch, .unknownMemberId: abandon()
        // A predecessor has the seat until its session ends.
        case .unreleasedInstanceId where !isIn: break
        case .fencedInstanceId: crash()
        // The broker knows nobody: it removed the last one, and then the group.
        case .groupIdNotFound where isIn: abandon()
        default: Issue.record("unexpected refusal: \(response.error) \(response.errorMessage ?? "")")
        }
    }

    mutating func leave(_ bench: inout GroupBench, forAWhile: Bool) {
        guard isIn else { return }
        abandon()
        bench.beat(memberID, forAWhile && instanceID != nil ? -2 : -1, instanceID: instanceID)
        crash()
    }
}
