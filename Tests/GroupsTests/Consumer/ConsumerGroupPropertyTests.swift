import ClusterModel
import KafkaProtocol
import KafkaProtocolGroups
import NIOCore
import Seams
import Testing

@testable import Groups

/// Consumers that crash, dawdle, leave, lose answers and change their minds, over topics that come, grow and go, against
/// one registry that restarts now and then.
@Suite struct ConsumerGroupPropertyTests {
    /// What the group looked like when the log had that length.
    private struct Sight {
        var length: Int
        var group: ConsumerGroup?
    }

    @Test(arguments: UInt64(1)...40) func noPartitionIsReadByTwo(seed: UInt64) {
        var chance = SeededGenerator(seed: seed)
        var bench = GroupBench({ $0.consumer.assignors = seed.isMultiple(of: 3) ? [.range] : [.uniform] }, seed: seed)
        var topics: [String: Int32] = ["t0": 4, "t1": 3]
        bench.setTopics(topics)
        var consumers = (0..<5).map { VirtualConsumer(number: $0, isStatic: $0 == 1 || $0 == 3) }
        for place in consumers.indices { subscribe(&consumers[place], &chance) }
        var sights: [Sight] = []
        for _ in 0..<400 {
            let place = Int.random(in: consumers.indices, using: &chance)
            switch Int.random(in: 0..<100, using: &chance) {
            case 0..<70: consumers[place].proceed(&bench)
            case 70..<76: consumers[place].proceed(&bench, isLost: true)
            case 76..<90: bench.pass(.milliseconds(Int.random(in: 1...4_000, using: &chance)))
            case 90..<92: consumers[place].crash()
            case 92..<93: consumers[place].leave(&bench, forAWhile: Bool.random(using: &chance))
            case 93..<94: subscribe(&consumers[place], &chance)
            case 94..<96: changeTopics(&topics, &bench, &chance)
            case 96..<97: bench.pass(.seconds(40))
            default: restart(&bench)
            }
            for place in consumers.indices { consumers[place].notice(bench.now) }
            checkReaders(consumers, "seed \(seed)")
            if bench.log.count != sights.last?.length { sights.append(sight(of: bench)) }
        }
        settle(&consumers, &bench, topics)
        sights.append(sight(of: bench))
        checkReplay(bench, sights)
        checkCompacted(bench)
    }

    private func subscribe(_ consumer: inout VirtualConsumer, _ chance: inout SeededGenerator) {
        switch Int.random(in: 0..<4, using: &chance) {
        case 0: consumer.subscribe(topics: ["t0"], pattern: nil)
        case 1: consumer.subscribe(topics: nil, pattern: "t[0-9]+")
        default: consumer.subscribe(topics: ["t0", "t1"], pattern: nil)
        }
    }

    private func changeTopics(
        _ topics: inout [String: Int32], _ bench: inout GroupBench, _ chance: inout SeededGenerator
    ) {
        let name = "t\(Int.random(in: 0..<3, using: &chance))"
        if let count = topics[name] {
            topics[name] = count < 8 && Bool.random(using: &chance) ? count + 1 : nil
        } else {
            topics[name] = Int32.random(in: 1...5, using: &chance)
        }
        bench.setTopics(topics)
    }

    private func restart(_ bench: inout GroupBench) {
        let catalog = bench.registry.catalog
        bench.restart()
        bench.perform(.topicsChanged(catalog))
    }

    /// The oracle: what clients read, and nothing of what the broker thinks of it.
    private func checkReaders(_ consumers: [VirtualConsumer], _ context: String) {
        var readers: [String: Int] = [:]
        for consumer in consumers {
            for (topic, partitions) in consumer.owned.byTopic {
                for partition in partitions { readers["\(topic)-\(partition)", default: 0] += 1 }
            }
        }
        let doubled = readers.filter { $0.value > 1 }.keys.sorted()
        #expect(doubled.isEmpty, "\(context): \(doubled) are read by two")
    }

    /// Without mishaps the group comes to rest, and everything that is subscribed to is read by somebody who may.
    private func settle(_ consumers: inout [VirtualConsumer], _ bench: inout GroupBench, _ topics: [String: Int32]) {
        for _ in 0..<60 {
            for place in consumers.indices { consumers[place].proceed(&bench) }
            checkReaders(consumers, "at the end")
            bench.pass(.seconds(5))
        }
        #expect(bench.consumers?.state == .stable && bench.consumers?.members.count == consumers.count)
        var read = PartitionSet()
        for consumer in consumers {
            #expect(consumer.epoch == bench.consumers?.epoch)
            read = read.union(consumer.owned)
            for (topic, _) in consumer.owned.byTopic {
                #expect(consumer.pattern != nil || consumer.topics?.contains { topicID($0) == topic } == true)
            }
        }
        let subscribed = consumers.contains { $0.pattern != nil } ? Array(topics.keys) : ["t0", "t1"]
        let wanted = topics.filter { topic, _ in
            subscribed.contains(topic) && consumers.contains { $0.pattern != nil || $0.topics?.contains(topic) == true }
        }
        #expect(read == PartitionSet(wanted.map { (topicID($0), Array(0..<$1)) }))
    }

    // MARK: - The replay law

    private func sight(of bench: GroupBench) -> Sight {
        Sight(length: bench.log.count, group: bench.consumers)
    }

    /// What the log says is all there is: each prefix of it, written and read again, is the group of its time.
    private func checkReplay(_ bench: GroupBench, _ sights: [Sight]) {
        var twin = GroupRegistry(settings: bench.registry.settings, generator: SeededGenerator(seed: 0))
        var length = 0
        for sight in sights {
            let records = bench.log[length..<sight.length].map(written)
            replay(records.compactMap { $0 }, into: &twin)
            length = sight.length
            #expect(twin.hard.entries["flights"]?.consumers == sight.group)
        }
        #expect(twin.hard == bench.registry.hard)
    }

    private func written(_ record: GroupRecord) -> GroupRecord? {
        do {
            let (key, value) = try #require(record.encoded())
            let read = try #require(try GroupRecord(key: key, value: value, producer: nil))
            #expect(read == record)
            return read
        } catch {
            Issue.record("\(record) does not survive encoding: \(error)")
            return nil
        }
    }

    /// The last record of each key is all that a compacted log keeps.
    private func checkCompacted(_ bench: GroupBench) {
        var last: [ByteBuffer: Int] = [:]
        for (place, record) in bench.log.enumerated() { if let key = record.encoded()?.key { last[key] = place } }
        var twin = GroupRegistry(settings: bench.registry.settings, generator: SeededGenerator(seed: 0))
        replay(last.values.sorted().map { bench.log[$0] }, into: &twin)
        #expect(twin.hard == bench.registry.hard)
    }
}
