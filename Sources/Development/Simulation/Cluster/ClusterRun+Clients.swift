import ClusterModel
import KafkaProtocol
import NIOCore
import Seams
import WireCoding

/// How producers and consumers talk to brokers, and what they check in the answers.
extension ClusterRun {
    // MARK: - Requests and answers

    /// The broker that leads, as the tree has it, or now and then any.
    func target(_ name: TopicPartition) -> BrokerID {
        if Int.random(in: 0..<8, using: &random) > 0, let leader = world.tree.image.partition(name)?.leader {
            return leader
        }
        return world.brokers[Int.random(in: 0..<world.brokers.count, using: &random)].id
    }

    /// The topic that a broker serves under the name of a partition. It serves no older one later.
    private func topicID(of name: TopicPartition, at broker: BrokerID) -> KafkaUUID? {
        world[broker].kernel?.partitions[name]?.topicID
    }

    func send<Request: KafkaRequest>(
        _ request: Request, version: Int16, from client: Int, to broker: BrokerID
    ) -> UInt64 {
        lastTicket += 1
        world.send(request, version: version, ticket: lastTicket, from: client, to: broker)
        return lastTicket
    }

    func receive(_ client: Int, _ ticket: UInt64, _ reply: ByteBuffer?) {
        do {
            if let place = producers.firstIndex(where: { $0.client == client && $0.awaited == ticket }) {
                producers[place].awaited = nil
                if let reply { try takeAcknowledgement(reply, place) }
                world.after(world.milliseconds(1...120)) { [unowned self] in produce(place) }
            } else if let place = readers.firstIndex(where: { $0.client == client && $0.awaited == ticket }) {
                readers[place].awaited = nil
                if let reply {
                    if readers[place].asksForEnd { try takeEnd(reply, place) } else { try takeRecords(reply, place) }
                }
                world.after(world.milliseconds(1...150)) { [unowned self] in read(place) }
            } else if let place = committers.firstIndex(where: { $0.client == client && $0.awaited == ticket }) {
                committers[place].awaited = nil
                if let reply { try takeCommitted(reply, place) }
                world.after(world.milliseconds(1...150)) { [unowned self] in commit(place) }
            } else if let place = members.firstIndex(where: { $0.client == client && $0.awaited == ticket }) {
                members[place].awaited = nil
                try takeAssignment(reply, place)
                world.after(world.milliseconds(50...400)) { [unowned self] in act(place) }
            } else if let place = fencedProducers.firstIndex(where: { $0.client == client && $0.awaited == ticket }) {
                try takeRefusal(reply, place)
            }
        } catch {
            world.violate("client \(client) cannot read a reply: \(error)")
        }
    }

    func body<Response: WireMessage>(
        _ bytes: ByteBuffer, headerVersion: Int16, _ version: Int16
    ) throws(MalformedInput) -> Response {
        try WireReader.read(bytes) { reader throws(MalformedInput) in
            _ = try reader.int32()
            _ = try ResponseHeader(reading: &reader, version: headerVersion)
            return try Response(reading: &reader, version: version)
        }
    }

    // MARK: - Producers

    func produce(_ place: Int) {
        if producers[place].batch.isEmpty {
            if isQuiet { return }
            producers[place].fill(&random)
        }
        producers[place].attempts += 1
        let name = producers[place].topic.partition(producers[place].partition)
        let target = target(name)
        producers[place].target = target
        producers[place].targetTopic = topicID(of: name, at: target)
        producers[place].awaited = send(
            producers[place].request(at: world.now), version: 9, from: producers[place].client, to: target)
    }

    private func takeAcknowledgement(_ reply: ByteBuffer, _ place: Int) throws {
        let response: ProduceResponse = try body(reply, headerVersion: 1, 9)
        guard let told = response.responses.first?.partitionResponses.first else { return }
        let producer = producers[place]
        let name = producer.topic.partition(producer.partition)
        switch ErrorCode(rawValue: told.errorCode) {
        case .none:
            world.note("\(producer.batch) is acknowledged at \(told.baseOffset) of \(name)")
            if producer.topic.kind != .lossy { note(told.baseOffset, of: producer) }
            acknowledgedCount += 1
            if producer.hasJustTakenOver { sendLate(producer.predecessor) }
            producers[place].acknowledge(at: world.now)
            if producer.topic.kind == .lonely, producer.isIdempotent, Int.random(in: 0..<8, using: &random) == 0 {
                producers[place].takeOver()
            }
        case .outOfOrderSequenceNumber:
            // One that was deposed and does not know it has not heard of what others were told.
            guard world.tree.image.partition(name)?.leader == producer.target else { return }
            world.violate("\(name) has forgotten what idempotent client \(producer.client) was told")
        default: break
        }
    }

    private func note(_ baseOffset: Offset, of producer: ClusterProducer) {
        let topic = producer.topic
        let index = Int(producer.partition)
        guard topic.kind != .passing || producer.targetTopic == topic.id else {
            // By a topic that is gone. What was sent twice may come once more.
            if producer.attempts == 1 { topic.buried.formUnion(producer.batch.compactMap(\.value)) }
            return
        }
        for (place, record) in producer.batch.enumerated() {
            let offset = baseOffset + Offset(place)
            if let other = topic.histories[index].acknowledged[offset], other != record {
                world.violate("\(other) and \(record) are both acknowledged at \(offset) of \(topic.name)-\(index)")
            }
            topic.histories[index].acknowledged[offset] = record
        }
    }

    // MARK: - Consumers

    func read(_ place: Int) {
        let reader = readers[place]
        let name = reader.topic.partition(reader.partition)
        let target = target(name)
        readers[place].targetTopic = topicID(of: name, at: target)
        readers[place].asksForEnd = Int.random(in: 0..<3, using: &random) == 0
        if readers[place].asksForEnd {
            var partition = ListOffsetsRequest.ListOffsetsPartition()
            partition.partitionIndex = reader.partition
            partition.timestamp = -1
            var topic = ListOffsetsRequest.ListOffsetsTopic()
            topic.name = reader.topic.name
            topic.partitions = [partition]
            var request = ListOffsetsRequest()
            request.replicaId = -1
            request.topics = [topic]
            readers[place].awaited = send(request, version: 7, from: reader.client, to: target)
        } else {
            var wanted = FetchRequest.FetchPartition()
            wanted.partition = reader.partition
            // As a consumer that has read the metadata says it, so that a deposed leader answers nothing (KIP-320).
            wanted.currentLeaderEpoch = world.tree.image.partition(name)?.leaderEpoch ?? -1
            readers[place].askedEpoch = wanted.currentLeaderEpoch
            readers[place].asksLeader = world.tree.image.partition(name)?.leader == target
            wanted.fetchOffset = reader.offset
            wanted.partitionMaxBytes = 1000
            var topic = FetchRequest.FetchTopic()
            topic.topic = reader.topic.name
            topic.partitions = [wanted]
            var request = FetchRequest()
            request.maxWaitMs = 200
            request.minBytes = 1
            request.maxBytes = 1 << 20
            request.sessionEpoch = -1
            request.topics = [topic]
            readers[place].awaited = send(request, version: 12, from: reader.client, to: target)
        }
    }

    private func takeEnd(_ reply: ByteBuffer, _ place: Int) throws {
        let response: ListOffsetsResponse = try body(reply, headerVersion: 1, 7)
        guard let told = response.topics.first?.partitions.first, told.errorCode == 0 else { return }
        takeEnd(told.offset, in: told.leaderEpoch, place)
    }

    /// The end that a leader tells does not go back, unless it is a deposed one's.
    private func takeEnd(_ end: Offset, in epoch: LeaderEpoch, _ place: Int) {
        let reader = readers[place]
        guard reader.topic.kind != .passing, epoch >= reader.endEpoch else { return }
        if end < reader.end {
            world.violate(
                "the end of \(reader.topic.name)-\(reader.partition) went from \(reader.end) in epoch "
                    + "\(reader.endEpoch) back to \(end) in epoch \(epoch)")
        }
        readers[place].end = end
        readers[place].endEpoch = epoch
    }

    private func takeRecords(_ reply: ByteBuffer, _ place: Int) throws {
        let response: FetchResponse = try body(reply, headerVersion: 1, 12)
        guard let told = response.responses.first?.partitions.first else { return }
        let reader = readers[place]
        let topic = reader.topic
        if topic.kind == .passing {
            let isGone = told.errorCode == ErrorCode.offsetOutOfRange.rawValue
            guard reader.targetTopic == topic.id, !isGone else { return readers[place].beginAnew(at: world.now) }
        }
        // A follower that says so is asked no more, and the leader is (KIP-392).
        if told.errorCode == ErrorCode.offsetOutOfRange.rawValue, reader.asksLeader {
            world.violate(
                "offset \(reader.offset) of \(topic.name)-\(reader.partition) was readable, and is out of range")
        }
        guard told.errorCode == 0, case .inMemory(let bytes)? = told.records else { return }
        let records = try Self.records(bytes)
        for (offset, record) in records where offset >= reader.offset {
            let index = Int(reader.partition)
            if let other = topic.histories[index].read[offset], other != record {
                world.violate("offset \(offset) of \(topic.name)-\(index) was \(other) and is \(record)")
            }
            topic.histories[index].read[offset] = record
            readers[place].offset = offset + 1
            if let key = record.key { readers[place].pass.latest[key] = (offset, record) }
        }
        if topic.kind == .compacted, reader.asksLeader || !records.isEmpty {
            followPass(place, upTo: told.highWatermark, epoch: reader.askedEpoch)
        }
        // Now and then one begins anew, and must find the same.
        if Int.random(in: 0..<40, using: &random) == 0 { readers[place].beginAnew(at: world.now) }
    }

    /// Who reads a compacted topic from its beginning to its end learns of each deletion, if it takes less time than
    /// they are kept for. Another replica may have forgotten them earlier.
    private func followPass(_ place: Int, upTo end: Offset, epoch: LeaderEpoch) {
        let reader = readers[place]
        let pass = reader.pass
        if !reader.asksLeader || pass.epoch.map({ $0 != epoch }) ?? false {
            readers[place].pass.deletions = [:]
        } else {
            readers[place].pass.epoch = epoch
        }
        guard reader.offset >= end, !pass.deletions.isEmpty, pass.epoch == epoch, world.now - pass.began < .seconds(12)
        else {
            return
        }
        readers[place].pass.deletions = [:]
        for (key, offset) in pass.deletions.sorted(by: { $0.key < $1.key }) {
            guard offset < end, let latest = pass.latest[key], latest.offset < offset, latest.record.value != nil
            else { continue }
            world.violate(
                "\(reader.topic.name)-\(reader.partition): \(latest.record) was read at \(latest.offset), and not its "
                    + "deletion at \(offset)")
        }
    }
}
