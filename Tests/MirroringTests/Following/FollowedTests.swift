import NIOCore
import Security
import Testing
import WireCoding

@testable import Mirroring

private typealias FollowedQuotas = Followed<QuotaName, Double>

@Suite struct FollowedTests {
    private let rate = QuotaName(of: [.init("user", "alice")], "producer_byte_rate")
    private let other = QuotaName(of: [.init("user", nil), .init("client-id", "reports")], "consumer_byte_rate")

    @Test func whatNobodyHasLimitedAtTheTargetIsSet() {
        let followed = FollowedQuotas(source: [rate: 10, other: 20], target: [:], marked: [:])
        #expect(followed.sets == [rate: 10, other: 20])
        #expect(followed.removals.isEmpty && followed.givenUp.isEmpty && followed.drift.isEmpty)
    }

    @Test func theTargetsOwnStays() {
        let differs = FollowedQuotas(source: [rate: 10], target: [rate: 5, other: 1], marked: [:])
        #expect(differs.sets.isEmpty && differs.removals.isEmpty && differs.kept == [rate])
        let agrees = FollowedQuotas(source: [rate: 10], target: [rate: 10], marked: [:])
        #expect(agrees == FollowedQuotas(source: [:], target: [:], marked: [:]))
        // Equal by chance: it goes on belonging to the target when the source gives it up.
        #expect(FollowedQuotas(source: [:], target: [rate: 10], marked: [:]).removals.isEmpty)
    }

    @Test func whatTheLinkHasSetFollows() {
        let raised = FollowedQuotas(source: [rate: 11], target: [rate: 10], marked: [rate: [10]])
        #expect(raised.sets == [rate: 11] && raised.marks == [rate: [10, 11]] && raised.drift.isEmpty)
        let gone = FollowedQuotas(source: [:], target: [rate: 10], marked: [rate: [10]])
        #expect(gone.removals == [rate] && gone.givenUp == [rate])
    }

    @Test func driftIsToldAndMended() {
        let changed = FollowedQuotas(source: [rate: 10], target: [rate: 7], marked: [rate: [10]])
        #expect(changed.sets == [rate: 10] && changed.drift == [rate: 7])
        let removed = FollowedQuotas(source: [rate: 10], target: [:], marked: [rate: [10]])
        #expect(removed.sets == [rate: 10] && removed.drift == [rate: nil])
    }

    @Test func whatWasChangedAtTheTargetAndGivenUpAtTheSourceStays() {
        let followed = FollowedQuotas(source: [:], target: [rate: 7], marked: [rate: [10]])
        #expect(followed.removals.isEmpty && followed.givenUp == [rate])
    }

    /// After an end at any point between mark and change, the next look brings about the same.
    @Test func anEndAtAnyPointIsMadeGood() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<500 {
            var target: [QuotaName: Double] = [:]
            var marks: [QuotaName: Set<Double>] = [:]
            let own = Bool.random(using: &random) ? [other: 1.0] : [:]
            target = own
            var source: [QuotaName: Double] = [:]
            for _ in 0..<6 {
                source = [:]
                for name in [rate, other] where Bool.random(using: &random) {
                    source[name] = Double(Int.random(in: 1...3, using: &random))
                }
                let followed = FollowedQuotas(source: source, target: target, marked: marks)
                let steps = Int.random(in: 0...3, using: &random)
                carryOut(followed, steps, &target, &marks)
            }
            carryOut(FollowedQuotas(source: source, target: target, marked: marks), 3, &target, &marks)
            for name in [rate, other] where own[name] == nil { #expect(target[name] == source[name]) }
            for (name, limit) in own { #expect(target[name] == limit) }
        }
    }

    private func carryOut(
        _ followed: FollowedQuotas, _ steps: Int, _ target: inout [QuotaName: Double],
        _ marks: inout [QuotaName: Set<Double>]
    ) {
        if steps > 0 { marks.merge(followed.marks) { $1 } }
        if steps > 1 {
            target.merge(followed.sets) { $1 }
            for name in followed.removals { target[name] = nil }
        }
        if steps > 2 { for name in followed.givenUp { marks[name] = nil } }
    }

    @Test func whatCameFromTheTargetIsNotBroughtBack() {
        let returned = FollowedQuotas(source: [rate: 10, other: 3], target: [:], marked: [:], returned: [rate: [10]])
        #expect(returned.sets == [other: 3])
        // Changed at the source since, it is the source's own.
        let changed = FollowedQuotas(source: [rate: 11], target: [:], marked: [:], returned: [rate: [10]])
        #expect(changed.sets == [rate: 11])
        // Marked both ways, it is the target's; nothing is taken away.
        let both = FollowedQuotas(source: [rate: 10], target: [rate: 10], marked: [rate: [10]], returned: [rate: [10]])
        #expect(both.sets.isEmpty && both.removals.isEmpty && both.givenUp == [rate])
    }

    /// All that can be of one name, against rules written down one by one.
    @Test func everyCaseIsAsItsRuleSays() {
        let values: [Double?] = [nil, 1, 2]
        let marks: [Set<Double>?] = [nil, [1], [2], [1, 2]]
        for (source, target) in values.flatMap({ one in values.map { (one, $0) } }) {
            for (known, returned) in marks.flatMap({ one in marks.map { (one, $0) } }) {
                func named<Value>(_ value: Value?) -> [QuotaName: Value] { value.map { [rate: $0] } ?? [:] }
                let followed = FollowedQuotas(
                    source: named(source), target: named(target), marked: named(known), returned: named(returned))
                let isLinks = target.map { known?.contains($0) ?? false } ?? false
                let isReturned = source.map { returned?.contains($0) ?? false } ?? false
                let isSettled = source == target && isLinks
                let sets = source != nil && !isReturned && (known == nil ? target == nil : !isSettled)
                #expect(followed.sets == (sets ? named(source) : [:]))
                #expect(followed.removals == (source == nil && isLinks ? [rate] : []))
                #expect(followed.givenUp == (known != nil && (source == nil || isReturned) ? [rate] : []))
                let isKept = known == nil && source != nil && target != nil && source != target
                #expect(followed.kept == (isKept ? [rate] : []))
                let isDrift = sets && known != nil && source != target && !isLinks
                #expect(followed.drift.keys.elementsEqual(isDrift ? [rate] : []))
                let mark = Set([source, isLinks ? target : nil].compactMap { $0 })
                #expect(followed.marks == (sets ? [rate: mark] : [:]))
            }
        }
    }

    /// Two clusters with a link each way: what is deleted where it was made goes, whenever either link ends in the middle.
    @Test func twoLinksHandEachOtherNothingThatIsGone() {
        var random = SystemRandomNumberGenerator()
        let names = [rate, other]
        for _ in 0..<500 {
            var clusters: [[QuotaName: Double]] = [[:], [:]]
            // By the cluster in which they stand: those of the link that ends there.
            var marks: [[QuotaName: Set<Double>]] = [[:], [:]]
            var homes: [QuotaName: Int] = [:]
            func look(to end: Int) -> FollowedQuotas {
                FollowedQuotas(
                    source: clusters[1 - end], target: clusters[end], marked: marks[end], returned: marks[1 - end])
            }
            for _ in 0..<30 {
                let name = Bool.random(using: &random) ? rate : other
                switch Int.random(in: 0...3, using: &random) {
                case 0:
                    // What is made where a link has removed its own and not yet given it up, it takes for its own.
                    if homes[name] == nil, clusters.allSatisfy({ $0[name] == nil }),
                        marks.allSatisfy({ $0[name] == nil })
                    {
                        homes[name] = Int.random(in: 0...1, using: &random)
                    }
                    guard let home = homes[name] else { break }
                    clusters[home][name] = Double(Int.random(in: 1...3, using: &random))
                case 1:
                    if let home = homes.removeValue(forKey: name) { clusters[home][name] = nil }
                default:
                    let end = Int.random(in: 0...1, using: &random)
                    let steps = Int.random(in: 0...3, using: &random)
                    carryOut(look(to: end), steps, &clusters[end], &marks[end])
                }
            }
            for _ in 0..<4 { for end in 0...1 { carryOut(look(to: end), 3, &clusters[end], &marks[end]) } }
            for name in names {
                let expected = homes[name].flatMap { clusters[$0][name] }
                #expect(clusters.map { $0[name] } == [expected, expected])
            }
        }
    }

    @Test func marksOfRulesAndCredentialsAreReadAsTheyWereWritten() throws {
        let rule = RuleName(
            2, "orders", form: 4, principal: "User:al=ice", host: "10.0.0.1", operation: 3, permission: 3)
        #expect(try RuleName(recordKey: rule.recordKey) == rule)
        #expect(try RuleName.marks(recordValue: RuleName.recordValue([.present])) == [.present])
        #expect("\(rule)" == "ALLOW User:al=ice READ on topic orders* from 10.0.0.1")
        let credential = CredentialName(of: "alice", "SCRAM-SHA-256")
        #expect(try CredentialName(recordKey: credential.recordKey) == credential)
        let marks: Set<[UInt8]> = [[1, 0xff], [], [7]]
        #expect(try CredentialName.marks(recordValue: CredentialName.recordValue(marks)) == marks)
        #expect(try MarksOrigin.clusterID(recordValue: MarksOrigin.recordValue("abc")) == "abc")
        for name in [rate, other] { #expect(name.recordKey != MarksOrigin.recordKey) }
        for wrong in [[], [0], [0, 1], [0, 0, 0]] as [[UInt8]] {
            #expect(throws: MalformedInput.self) { try RuleName.marks(recordValue: ByteBuffer(bytes: wrong)) }
            #expect(throws: MalformedInput.self) { try CredentialName.marks(recordValue: ByteBuffer(bytes: wrong)) }
            #expect(throws: MalformedInput.self) { try RuleName(recordKey: ByteBuffer(bytes: wrong)) }
        }
    }

    @Test func rulesOfTopicsFollowAsMirrorMakerBringsThem() {
        func rule(_ operation: Int8, _ permission: Int8 = 3, type: Int8 = 2, form: Int8 = 3) -> RuleName {
            RuleName(
                type, "orders", form: form, principal: "User:a", host: "*", operation: operation, permission: permission
            )
        }
        func brought(_ rule: RuleName) -> RuleName? { rule.atCompatibleTarget { $0 == "orders" ? "us.orders" : nil } }
        var read = rule(3)
        read.resource = "us.orders"
        #expect(brought(rule(3)) == read)
        #expect(brought(rule(2)) == read, "who may do all may read")
        #expect(brought(rule(4)) == nil, "nobody may write")
        #expect(brought(rule(8))?.operation == 8)
        #expect(brought(rule(4, 2))?.operation == 4, "who may not write may not")
        #expect(brought(rule(2, 2))?.operation == 2)
        #expect(brought(rule(3, type: 3)) == nil && brought(rule(3, form: 4)) == nil)
        var other = rule(3)
        other.resource = "elsewhere"
        #expect(brought(other) == nil)
    }

    @Test func marksAreReadAsTheyWereWritten() throws {
        for name in [rate, other] { #expect(try QuotaName(recordKey: name.recordKey) == name) }
        #expect(try QuotaName.marks(recordValue: QuotaName.recordValue([0.25, 7])) == [0.25, 7])
        var cut = other.recordKey
        cut.moveWriterIndex(to: cut.writerIndex - 1)
        #expect(throws: MalformedInput.self) { try QuotaName(recordKey: cut) }
        #expect(throws: MalformedInput.self) { try QuotaName.marks(recordValue: ByteBuffer(bytes: [0, 0, 2])) }
    }
}
