import BrokerKernel
import ClusterModel
import Controller
import KafkaProtocol
import NIOCore
import Records
import Seams
import SegmentedLog
import WireCoding

/// A cluster of brokers whose processes are killed and stopped, whose machines lose power, and whose network and tree
/// fail them, while producers with acks=all write and consumers read.
///
/// The oracles know nothing of replication: what was acknowledged is there at the end, once if its producer is
/// idempotent; what was read once is read for ever; the end that a leader tells never goes back; in an epoch one broker
/// leads; and when all is mended all replicas hold the same bytes.
///
/// Faults pile up but for one: a machine loses power only while each of its partitions has another member in sync and
/// no machine is still catching up after it lost power. Nobody promises more.
package final class ClusterRun {
    private static let topic = "t"
    private static let partitionCount: Int32 = 2

    private let world: ClusterWorld
    private var random: SeededRandom
    private var producers: [ClusterProducer] = []
    private var readers: [ClusterReader] = []
    private var histories = Array(repeating: PartitionHistory(), count: Int(partitionCount))
    private var lastTicket: UInt64 = 1 << 40
    private var isQuiet = false
    package private(set) var acknowledgedCount = 0
    package private(set) var faultCount = 0
    /// Of all that the partitions hold at the end.
    package private(set) var digest: UInt64 = 0xcbf2_9ce4_8422_2325

    package var violations: [String] { world.violations }
    package var traceLines: [String] { world.trace }

    /// Lives through so many seconds of the cluster's time, and mends it then.
    package init(seed: UInt64, seconds: Int = 40, traces: Bool = false) throws {
        random = SeededRandom(seed: seed)
        world = try ClusterWorld(seed: seed &+ 1, brokerCount: 3, traces: traces) { settings in
            settings.replicaLagLimit = .seconds(2)
            settings.replicaFetchWait = .milliseconds(300)
            settings.replicaFetchBackoff = .milliseconds(100)
            settings.replicaFetchPartitionMaximumBytes = 700
            settings.highWatermarkCheckpointInterval = .seconds(2)
            settings.configured = [
                "log.segment.bytes": "4000", "log.index.interval.bytes": "300", "log.roll.jitter.ms": "0",
            ]
        }
        world.receive = { [unowned self] client, ticket, reply in receive(client, ticket, reply) }
        start()
        let end = world.now + .seconds(seconds)
        while world.now < end {
            world.run(for: world.milliseconds(50...2500))
            misfortune()
        }
        mend()
        check()
    }

    // MARK: - The scenario

    private func start() {
        for broker in world.brokers { world.start(broker) }
        let ids = world.brokers.map(\.id)
        let assignment = (0..<Int(Self.partitionCount)).map { partition in
            (0..<ids.count).map { ids[(partition + $0) % ids.count] }
        }
        world.createTopic(Self.topic, assignment, configs: ["min.insync.replicas": "2"])
        world.run(for: .seconds(2))
        for client in 0..<4 {
            producers.append(
                ClusterProducer(
                    client: client, partition: Int32(client) % Self.partitionCount, isIdempotent: client < 2))
            produce(client)
        }
        for partition in 0..<Self.partitionCount {
            readers.append(ClusterReader(client: 100 + Int(partition), partition: partition))
            read(Int(partition))
        }
    }

    private func misfortune() {
        faultCount += 1
        let broker = world.brokers[Int.random(in: 0..<world.brokers.count, using: &random)]
        let other = world.brokers[Int.random(in: 0..<world.brokers.count, using: &random)]
        switch Int.random(in: 0..<10, using: &random) {
        case 0, 1:
            world.kill(broker)
            restart(broker)
        case 2, 3:
            guard mayLosePower(broker) else { return }
            world.cutPower(broker)
            restart(broker)
        case 4: world.pause(broker, for: world.milliseconds(100...9000))
        case 5, 6, 7:
            guard broker !== other else { return }
            world.note("messages from broker \(broker.id) to \(other.id) are lost")
            world.cut(.broker(broker.id), .broker(other.id))
            world.after(world.milliseconds(100...7000)) { [world] in
                world.mend(.broker(broker.id), .broker(other.id))
            }
        case 8:
            world.note("broker \(broker.id) does not reach the tree")
            world.loseTree(broker)
            let life = broker.life
            world.after(world.milliseconds(100...9000)) { [world] in
                if broker.life == life { world.reachTree(broker) }
            }
        default: break
        }
    }

    private func restart(_ broker: ClusterBroker) {
        world.after(world.milliseconds(100...8000)) { [world] in if !broker.isRunning { world.start(broker) } }
    }

    private func mayLosePower(_ broker: ClusterBroker) -> Bool {
        guard broker.isRunning, !world.brokers.contains(where: \.hasLostTail) else { return false }
        for partition in world.tree.image.topics[Self.topic]?.partitions ?? [] {
            let rest = partition.isr.filter { $0 != broker.id }
            if rest.isEmpty { return false }
            for lacking in world.brokers where lacking.isCatchingUp && !partition.isr.contains(lacking.id) {
                return false
            }
        }
        for other in world.brokers { other.isCatchingUp = false }
        broker.isCatchingUp = true
        return true
    }

    private func mend() {
        world.note("all is mended")
        world.mendAll()
        for broker in world.brokers {
            if !broker.isRunning { world.start(broker) } else { world.reachTree(broker) }
        }
        world.run(for: .seconds(25))
        isQuiet = true
        world.run(for: .seconds(8))
    }

    // MARK: - What clients do

    /// The broker that leads, as the tree has it, or now and then any.
    private func target(_ partition: Int32) -> BrokerID {
        let id = TopicPartition(topic: Self.topic, partition: partition)
        if Int.random(in: 0..<8, using: &random) > 0, let leader = world.tree.image.partition(id)?.leader {
            return leader
        }
        return world.brokers[Int.random(in: 0..<world.brokers.count, using: &random)].id
    }

    private func send<Request: KafkaRequest>(
        _ request: Request, version: Int16, from client: Int, to broker: BrokerID
    ) -> UInt64 {
        lastTicket += 1
        var writer = WireWriter()
        var header = RequestHeader()
        header.requestApiKey = Request.apiKey.rawValue
        header.requestApiVersion = version
        header.clientId = "client-\(client)"
        header.write(to: &writer, version: Request.apiKey.requestHeaderVersion(for: version))
        request.write(to: &writer, version: version)
        world.send(writer.buffer(), ticket: lastTicket, from: client, to: broker)
        return lastTicket
    }

    private func produce(_ index: Int) {
        guard !isQuiet || !producers[index].batch.isEmpty else { return }
        let request = producers[index].request(
            Self.topic, batchSize: Int.random(in: 1...4, using: &random), at: world.now)
        producers[index].target = target(producers[index].partition)
        producers[index].awaited = send(
            request, version: 9, from: producers[index].client, to: producers[index].target)
    }

    private func read(_ index: Int) {
        let reader = readers[index]
        readers[index].asksForEnd = Int.random(in: 0..<3, using: &random) == 0
        if readers[index].asksForEnd {
            var partition = ListOffsetsRequest.ListOffsetsPartition()
            partition.partitionIndex = reader.partition
            partition.timestamp = -1
            var topic = ListOffsetsRequest.ListOffsetsTopic()
            topic.name = Self.topic
            topic.partitions = [partition]
            var request = ListOffsetsRequest()
            request.replicaId = -1
            request.topics = [topic]
            readers[index].awaited = send(request, version: 7, from: reader.client, to: target(reader.partition))
        } else {
            var wanted = FetchRequest.FetchPartition()
            wanted.partition = reader.partition
            let name = TopicPartition(topic: Self.topic, partition: reader.partition)
            // As a consumer that has read the metadata says it, so that a deposed leader answers nothing (KIP-320).
            wanted.currentLeaderEpoch = world.tree.image.partition(name)?.leaderEpoch ?? -1
            wanted.fetchOffset = reader.offset
            wanted.partitionMaxBytes = 1000
            var topic = FetchRequest.FetchTopic()
            topic.topic = Self.topic
            topic.partitions = [wanted]
            var request = FetchRequest()
            request.maxWaitMs = 200
            request.minBytes = 1
            request.maxBytes = 1 << 20
            request.sessionEpoch = -1
            request.topics = [topic]
            readers[index].awaited = send(request, version: 12, from: reader.client, to: target(reader.partition))
        }
    }

    private func receive(_ client: Int, _ ticket: UInt64, _ reply: ByteBuffer?) {
        do {
            if let index = producers.firstIndex(where: { $0.client == client && $0.awaited == ticket }) {
                producers[index].awaited = nil
                if let reply { try takeAcknowledgement(reply, index) }
                world.after(world.milliseconds(1...120)) { [unowned self] in produce(index) }
            } else if let index = readers.firstIndex(where: { $0.client == client && $0.awaited == ticket }) {
                readers[index].awaited = nil
                if let reply {
                    if readers[index].asksForEnd { try takeEnd(reply, index) } else { try takeRecords(reply, index) }
                }
                world.after(world.milliseconds(1...150)) { [unowned self] in read(index) }
            }
        } catch {
            world.violate("client \(client) cannot read a reply: \(error)")
        }
    }

    private func body<Response: WireMessage>(
        _ bytes: ByteBuffer, headerVersion: Int16, _ version: Int16
    ) throws(MalformedInput) -> Response {
        try WireReader.read(bytes) { reader throws(MalformedInput) in
            _ = try reader.int32()
            _ = try ResponseHeader(reading: &reader, version: headerVersion)
            return try Response(reading: &reader, version: version)
        }
    }

    private func takeAcknowledgement(_ reply: ByteBuffer, _ index: Int) throws {
        let response: ProduceResponse = try body(reply, headerVersion: 1, 9)
        guard let told = response.responses.first?.partitionResponses.first else { return }
        let producer = producers[index]
        switch ErrorCode(rawValue: told.errorCode) {
        case .none:
            world.note("\(producer.batch) is acknowledged at \(told.baseOffset) of partition \(producer.partition)")
            for (place, value) in producer.batch.enumerated() {
                let offset = told.baseOffset + Offset(place)
                if let other = histories[Int(producer.partition)].acknowledged[offset], other != value {
                    world.violate("\(other) and \(value) are both acknowledged at \(offset) of \(producer.partition)")
                }
                histories[Int(producer.partition)].acknowledged[offset] = value
            }
            acknowledgedCount += 1
            producers[index].acknowledge()
        case .outOfOrderSequenceNumber:
            // One that was deposed and does not know it has not heard of what others were told.
            let name = TopicPartition(topic: Self.topic, partition: producer.partition)
            guard world.tree.image.partition(name)?.leader == producer.target else { return }
            world.violate("partition \(producer.partition) has forgotten what idempotent client \(index) was told")
        default: break
        }
    }

    private func takeEnd(_ reply: ByteBuffer, _ index: Int) throws {
        let response: ListOffsetsResponse = try body(reply, headerVersion: 1, 7)
        guard let told = response.topics.first?.partitions.first, told.errorCode == 0 else { return }
        let reader = readers[index]
        if told.leaderEpoch >= reader.endEpoch, told.offset < reader.end {
            world.violate(
                "the end of partition \(reader.partition) went from \(reader.end) in epoch \(reader.endEpoch) back to "
                    + "\(told.offset) in epoch \(told.leaderEpoch)")
        }
        if told.leaderEpoch >= reader.endEpoch {
            readers[index].end = told.offset
            readers[index].endEpoch = told.leaderEpoch
        }
    }

    private func takeRecords(_ reply: ByteBuffer, _ index: Int) throws {
        let response: FetchResponse = try body(reply, headerVersion: 1, 12)
        guard let told = response.responses.first?.partitions.first else { return }
        let reader = readers[index]
        if told.errorCode == ErrorCode.offsetOutOfRange.rawValue {
            world.violate("offset \(reader.offset) of partition \(reader.partition) was readable and is out of range")
        }
        guard told.errorCode == 0, case .inMemory(let bytes)? = told.records else { return }
        for (offset, value) in try Self.records(bytes) where offset >= reader.offset {
            if let other = histories[Int(reader.partition)].read[offset], other != value {
                world.violate("offset \(offset) of partition \(reader.partition) was \(other) and is \(value)")
            }
            histories[Int(reader.partition)].read[offset] = value
            readers[index].offset = offset + 1
        }
        // Now and then one begins anew, and must find the same.
        if Int.random(in: 0..<40, using: &random) == 0 { readers[index].offset = 0 }
    }

    private static func records(_ bytes: ByteBuffer) throws -> [(Offset, String)] {
        var found: [(Offset, String)] = []
        var batches = RecordBatches(bytes)
        while let batch = try batches.next() {
            try batch.checkCRC()
            var records = try RecordIterator(batch)
            while let record = try records.next() {
                found.append((record.offset, record.value.map { String(buffer: $0) } ?? ""))
            }
        }
        return found
    }

    // MARK: - What must hold at the end

    private func check() {
        for index in 0..<Self.partitionCount {
            let name = TopicPartition(topic: Self.topic, partition: index)
            do {
                try check(name, histories[Int(index)])
            } catch {
                world.violate("\(name) cannot be read: \(error)")
            }
        }
    }

    private func check(_ name: TopicPartition, _ history: PartitionHistory) throws {
        let image = world.tree.image.partition(name)
        if image?.isr.count != world.brokers.count {
            world.violate("\(name) has in sync \(image?.isr.description ?? "nobody") though all is mended")
        }
        var first: ByteBuffer?
        for broker in world.brokers {
            guard let partition = broker.kernel?.partitions[name] else {
                world.violate("broker \(broker.id) does not have \(name)")
                continue
            }
            let log = partition.log
            if log.highWatermark != log.logEndOffset {
                world.violate(
                    "\(name) of broker \(broker.id) is committed to \(log.highWatermark) of \(log.logEndOffset)")
            }
            let bytes = try Self.contents(of: log)
            if let first, first != bytes {
                world.violate(
                    "\(name) of broker \(broker.id) has other bytes than that of broker \(world.brokers[0].id)")
            }
            first = first ?? bytes
        }
        guard let first else { return }
        for byte in first.readableBytesView { digest = (digest ^ UInt64(byte)) &* 0x100_0000_01b3 }
        let records = Dictionary(uniqueKeysWithValues: try Self.records(first))
        for (offset, value) in history.acknowledged.sorted(by: { $0.key < $1.key }) where records[offset] != value {
            world.violate(
                "\(name): \(value) was acknowledged at \(offset), where \(records[offset] ?? "nothing") is")
        }
        for (offset, value) in history.read.sorted(by: { $0.key < $1.key }) where records[offset] != value {
            world.violate("\(name): \(value) was read at \(offset), where \(records[offset] ?? "nothing") is")
        }
        let counts = Dictionary(grouping: records.values) { $0 }.mapValues(\.count)
        for producer in producers where producer.isIdempotent && producer.partition == name.partition {
            for number in 0..<producer.sentCount where counts["\(producer.client)-\(number)"] != 1 {
                world.violate(
                    "\(name): \(producer.client)-\(number) stands there \(counts["\(producer.client)-\(number)"] ?? 0) times"
                )
            }
        }
    }

    private static func contents(of log: PartitionLog) throws -> ByteBuffer {
        var all = ByteBuffer()
        var offset = log.logStartOffset
        while offset < log.logEndOffset {
            guard
                case .slice(let slice) = try log.read(
                    from: offset, maxBytes: 1 << 20, minOneBatch: true, upTo: log.logEndOffset),
                let range = slice.range
            else { break }
            all.append(.inFile(range))
            offset = slice.nextOffset
        }
        return all
    }
}
