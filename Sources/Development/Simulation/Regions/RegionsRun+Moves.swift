import ClusterModel
import Controller
import Seams

/// Moves of homes, and the losses that force them.
extension RegionsRun {
    enum Move {
        case promotion, failover, failback
    }

    /// When the region that the home has moved to is lost as well, before all is as it was. It has chances of its own, so that
    /// seeds without it live through the same as ever.
    struct SecondLoss {
        enum Moment: CaseIterable {
            /// Where the home moves away by plan; else as in `beforeReturn`.
            case duringDeparture
            /// The old home is fenced, or has not even heard of that.
            case beforeReturn
            /// It keeps apart what it alone has, or drops that.
            case duringReturn
            /// It copies what it lacks.
            case afterReturn
            /// The home moves back by plan, or has done so.
            case duringPromotion
        }

        /// nil for none.
        var moment: Moment?
        var random: SeededRandom

        init(seed: UInt64) {
            random = SeededRandom(seed: seed &* 0x9e37_79b9 &+ 7)
            if Int.random(in: 0..<5, using: &random) > 1 { moment = Moment.allCases.randomElement(using: &random) }
        }

        /// How far a move comes that the loss cuts short.
        mutating func time() -> Duration {
            .milliseconds(Int.random(in: 0...(Bool.random(using: &random) ? 400 : 3000), using: &random))
        }
    }

    func moveAwayAndBack(secondLoss: SecondLoss) {
        var second = secondLoss
        let isPlanned = Bool.random(using: &random)
        if !isPlanned {
            lose(west, Int.random(in: 0..<3, using: &random), from: east)
        } else if second.moment == .duringDeparture {
            carryOut(.promotion, from: west, to: east, stoppingIn: second.time())
            return loseEast(&second)
        } else {
            carryOut(.promotion, from: west, to: east)
        }
        live(for: 1...4)
        regain(west)
        if second.moment == .duringDeparture || second.moment == .beforeReturn { return loseEast(&second) }
        if second.moment == .duringReturn {
            carryOut(.failback, from: east, to: west, stoppingIn: second.time())
            return loseEast(&second)
        }
        carryOut(.failback, from: east, to: west)
        if second.moment == .afterReturn {
            chronicle.run(for: second.time())
            return loseEast(&second)
        }
        live(for: 1...3)
        if second.moment == .duringPromotion {
            carryOut(.promotion, from: east, to: west, stoppingIn: second.time())
            return loseEast(&second)
        }
        comeHome()
    }

    /// What is still, or again, at home in the east moves to the west, and the east is a mirror.
    private func comeHome() {
        carryOut(.promotion, from: east, to: west)
        live(for: 0...2)
        carryOut(.failback, from: west, to: east)
        live(for: 0...2)
    }

    private func loseEast(_ second: inout SecondLoss) {
        for topic in Self.movingTopics {
            let standing = west.world.tree.image.topics[topic].map { MirrorStanding($0.configs) } ?? .ordinary
            chronicle.count("second losses of topics that were \(standing.state) at the first home")
        }
        lose(east, Int.random(in: 0..<3, using: &second.random), from: west)
        live(for: 1...3)
        regain(east)
        // What the west was never told of has its home in the east still.
        carryOut(.failback, from: east, to: west)
        comeHome()
    }

    // MARK: - Losses

    /// A region is dead, or goes on by itself, or is only given up: another one takes over.
    private func lose(_ region: Region, _ fate: Int, from other: Region) {
        oracle.abandoned = Set(Self.movingTopics)
        chronicle.note("the \(region.name) is \(["dead", "cut off", "given up"][fate])")
        if fate < 2 { lostRegion = region }
        if fate == 0 { for broker in region.world.brokers { region.world.kill(broker) } }
        for link in links { if let mirror = link.mirror { cutLostRegion(from: mirror.process.client) } }
        carryOut(.failover, from: region, to: other)
        for producer in producers where !producer.isBound && Bool.random(using: &random) { producer.go(to: other) }
    }

    func cutLostRegion(from client: Int) {
        lostRegion?.cutRequests(of: client)
        lostRegion?.cutReplies(to: client)
    }

    private func regain(_ region: Region) {
        oracle.abandoned = []
        guard region === lostRegion else { return }
        chronicle.note("the \(region.name) is back")
        lostRegion = nil
        for broker in region.world.brokers { region.world.restart(broker, in: 1...2000) }
        for link in links { if let mirror = link.mirror { region.mend(mirror.process.client) } }
        // Until then the old home may be written; the mirror tells it when it can.
        chronicle.run(for: .milliseconds(Int.random(in: 10...3000, using: &random)))
    }

    func lose(_ home: LostHome) {
        for (index, from) in home.from.sorted(by: { $0.key < $1.key }) {
            let partition = TopicPartition(topic: home.topic, partition: index)
            if home.isTakenBack {
                chronicle.count("partitions taken back with all that the first home held")
                losses[partition]?.removeAll { $0.region == home.new.region }
            }
            losses[partition, default: []].append(
                Loss(region: home.region, from: from, homeEpoch: home.new.homeEpoch))
        }
        for producer in producers where producer.partition.topic == home.topic { producer.lostCount += 1 }
        for committer in committers where committer.partition.topic == home.topic { committer.lose(home) }
    }

    // MARK: - Tools

    /// An operator's tool moves homes; it is killed now and then, and run again.
    /// - Parameter pause: after which it is killed for good; nil lets it come to its end.
    private func carryOut(_ move: Move, from source: Region, to target: Region, stoppingIn pause: Duration? = nil) {
        chronicle.note("\(move) from \(source.name) to \(target.name)")
        var isDone = false
        func begin() -> SimulatedProcess {
            let tool = process(client: 2000 + processes.count)
            cutLostRegion(from: tool.client)
            let work = SimulatedOperator(
                from: source, to: target, topics: Self.movingTopics, groups: Self.groups, as: tool)
            tool.begin { [unowned self] in
                let hasDone = await tool.untilDone("\(move)") {
                    switch move {
                    case .promotion: try await work.promote()
                    case .failover: try await work.failOver()
                    case .failback: try await work.failBack()
                    }
                    if move == .failback, !isMirrored(from: source, in: target) {
                        throw SimulatedProcess.Fault.notYet("\(target.name) is no mirror of all yet")
                    }
                }
                if hasDone { isDone = true }
            }
            return tool
        }
        let stop = pause.map { chronicle.now + $0 }
        var tool = begin()
        let calm = chronicle.now + .seconds(Int.random(in: 0...6, using: &random))
        let limit = calm + .seconds(60)
        while !isDone {
            let next = Duration.milliseconds(Int.random(in: 20...700, using: &random))
            if let stop, chronicle.now + next >= stop {
                chronicle.run(for: max(.zero, stop - chronicle.now))
                chronicle.note("the tool is killed for good")
                break
            }
            chronicle.run(for: next)
            if chronicle.now < calm {
                for _ in 0..<Int.random(in: 1...3, using: &random) { misfortune() }
                if Int.random(in: 0..<5, using: &random) == 0 {
                    chronicle.note("the tool is killed")
                    end(tool)
                    tool = begin()
                }
            } else if chronicle.now > limit {
                return chronicle.violate("\(move) from \(source.name) to \(target.name) does not come to an end")
            }
        }
        end(tool)
    }

    /// What a process has sent before it was killed may still arrive.
    func end(_ process: SimulatedProcess) {
        process.kill()
        for region in regions {
            region.world.after(region.world.milliseconds(0...2500)) { region.disconnect(process.client) }
        }
    }

    /// Whether a region has all topics as mirror topics whose home is in another one.
    private func isMirrored(from home: Region, in region: Region) -> Bool {
        Self.movingTopics.filter { oracle.homes[$0]?.region == home.name }.allSatisfy { topic in
            region.world.tree.image.topics[topic].map { MirrorStanding($0.configs).state == .mirroring } ?? false
        }
    }

    /// What was never mirrored cannot be taken over.
    func awaitMirrors() {
        let limit = chronicle.now + .seconds(60)
        while !isMirrored(from: west, in: east) {
            chronicle.run(for: .milliseconds(100))
            if chronicle.now > limit { return chronicle.violate("the east does not become a mirror") }
        }
    }

    func live(for seconds: ClosedRange<Int>) {
        let end = chronicle.now + .seconds(Int.random(in: seconds, using: &random))
        while chronicle.now < end {
            chronicle.run(for: .milliseconds(Int.random(in: 30...1500, using: &random)))
            misfortune()
        }
    }
}
