import ClusterModel
import KafkaProtocol
import MartletClient
import Mirroring
import WireCoding

/// One lane from a broker of the source: reads raw batches on a connection of its own, sends them to whoever leads at
/// the target, and does not wait for one answer before it reads on.
///
/// What is under way is bounded in bytes. Appends of a partition go out in order on one connection, each expecting the
/// end that the one before will leave; when one is refused, so are those behind it.
struct ExactPump: Sendable {
    /// Of each one that shares a fetch with others.
    static let mostBytesOfPartition: Int32 = 1 << 20
    /// A request ends when it has become this long.
    static let longestRequestInBytes = 8 << 20

    let broker: BrokerID
    let link: String
    /// Of this lane alone.
    let source: KafkaClient
    let target: KafkaClient
    let table: ExactTable
    let locator: ExactLocator
    let health: LinkHealth
    let bell: Bell
    /// Those with this broker, and which of them this is.
    let lanes: Lanes
    let lane: Int

    /// Moves until it is cancelled, on the loop of the connection on which it reads.
    func run() async {
        var connection: BrokerConnection?
        while !Task.isCancelled {
            let current = connection
            connection = await withTaskExecutorPreference(current?.eventLoop.map(LoopExecutor.init)) {
                await stay(on: current)
            }
        }
    }

    /// Moves as long as it reads on this connection, or needs none. Returns the one to go on with; nil for none yet.
    private func stay(on connection: BrokerConnection?) async -> BrokerConnection? {
        while !Task.isCancelled {
            await lanes.join(lane)
            do {
                if let next = try await move(on: connection) { return next }
            } catch {
                if Task.isCancelled { return nil }
                health.failed("broker \(broker)", "reading: \(error)")
                source.forgetPlaces()
                _ = await Attempts.pause(Attempts.firstPause * 5)
                return nil
            }
        }
        return nil
    }

    /// - Parameter connection: where it reads; nil before it does.
    /// - Returns: another one, when it needs one.
    private func move(on connection: BrokerConnection?) async throws -> BrokerConnection? {
        let unlocated = table.toLocate(broker, now: .now)
        if !unlocated.isEmpty { await locator.locate(unlocated) }
        let preparations = table.preparations(broker, now: .now)
        if !preparations.isEmpty { await send(preparations) }
        guard table.underWayInBytes < lanes.bytesUnderWay else {
            await bell.wait()
            return nil
        }
        let claim = table.claim(broker, lanes: lanes.count, now: .now)
        guard !claim.positions.isEmpty else {
            let part = "broker \(broker)"
            if health.isFailing(part), !table.needs(broker) { health.recovered(part) }
            await bell.wait()
            return nil
        }
        guard let connection, connection.isOpen else {
            // What is claimed holds up all that lies behind it: it does not wait for a connection as well.
            table.giveBack(claim)
            return try await source.connection(to: broker)
        }
        let answers: [RawFetch.Partition]
        do {
            answers = try await read(claim, on: connection)
        } catch {
            table.giveBack(claim)
            throw error
        }
        health.recovered("broker \(broker)")
        await send(from: table.take(answers, of: claim))
        return nil
    }

    private func read(
        _ claim: ExactTable.Claim, on connection: BrokerConnection
    ) async throws -> [RawFetch.Partition] {
        var fetch = RawFetch()
        fetch.leaderEpochs = claim.leaderEpochs
        fetch.topicIDs = claim.topicIDs
        let most = lanes.bytesOfFetch
        fetch.maximumBytes = min(most, claim.mostBytes ?? .max)
        fetch.maximumBytesPerPartition = min(
            claim.positions.count == 1 ? most : Self.mostBytesOfPartition, claim.mostBytesOfPartition ?? .max)
        fetch.maximumBytesOf = claim.mostBytesOf
        return try await lanes.read(lane, fetch, claim.positions, on: connection)
    }

    // MARK: To the target

    private struct Place: Hashable {
        var topicID: KafkaUUID
        var partition: Int32
    }

    /// Sends what these partitions have to send, also what other lanes add meanwhile.
    private func send(from partitions: [TopicPartition]) async {
        while true {
            let outgoing = table.toSend(partitions)
            if outgoing.isEmpty { return }
            await send(outgoing)
            table.sent(outgoing)
        }
    }

    private func send(_ outgoing: [ExactTable.Outgoing]) async {
        var byLeader: [BrokerID: [ExactTable.Outgoing]] = [:]
        for one in outgoing {
            do {
                byLeader[try await target.leader(of: one.partition), default: []].append(one)
            } catch {
                giveUp([one], because: error)
            }
        }
        for (leader, parts) in byLeader.sorted(by: { $0.key < $1.key }) {
            do {
                send(parts, on: try await target.connection(to: leader))
            } catch {
                giveUp(parts, because: error)
            }
        }
    }

    private func giveUp(_ parts: [ExactTable.Outgoing], because error: any Error) {
        target.forgetPlaces()
        table.release(bytes: Self.size(of: parts))
        for part in parts {
            table.interrupt(part.partition, generation: part.generation, reason: "writing: \(error)")
        }
    }

    private static func size(of parts: [ExactTable.Outgoing]) -> Int {
        parts.reduce(0) { $0 + $1.append.sizeInBytes }
    }

    /// In requests that are not too long and hold each partition once, in order.
    private func send(_ parts: [ExactTable.Outgoing], on connection: BrokerConnection) {
        var next: [ExactTable.Outgoing] = []
        var places: Set<TopicPartition> = []
        var size = 0
        for part in parts {
            if places.contains(part.partition) || size >= Self.longestRequestInBytes {
                request(next, on: connection)
                (next, places, size) = ([], [], 0)
            }
            next.append(part)
            places.insert(part.partition)
            size += part.append.sizeInBytes
        }
        if !next.isEmpty { request(next, on: connection) }
    }

    private func request(_ parts: [ExactTable.Outgoing], on connection: BrokerConnection) {
        let entries = parts.map { part in
            RawMirrorAppend.Part(
                topicID: part.mirror.topicID, partition: part.partition.partition, homeEpoch: part.mirror.homeEpoch,
                expectedEnd: part.append.expectedEnd, logStart: part.append.logStart, records: part.append.records)
        }
        RawMirrorAppend(link: link)(entries, on: connection) { result in
            switch result {
            case .success(let answers): take(answers, to: parts)
            case .failure(let fault):
                table.release(bytes: Self.size(of: parts))
                target.forgetPlaces()
                for part in parts {
                    table.interrupt(part.partition, generation: part.generation, reason: "writing: \(fault)")
                }
                bell.ring()
            }
            // Those that were prepared are read now.
            if parts.contains(where: { $0.append.records == nil }) { bell.ring() }
        }
    }

    private func take(_ answers: [RawMirrorAppend.Answer], to parts: [ExactTable.Outgoing]) {
        var byPlace: [Place: RawMirrorAppend.Answer] = [:]
        for answer in answers { byPlace[Place(topicID: answer.topicID, partition: answer.partition)] = answer }
        for part in parts {
            let place = Place(topicID: part.mirror.topicID, partition: part.partition.partition)
            guard let answer = byPlace[place] else {
                table.release(bytes: part.append.sizeInBytes)
                table.interrupt(part.partition, generation: part.generation, reason: "writing: no answer for it")
                continue
            }
            switch answer.error {
            // What timed out is appended; whether it is committed shows in the next answers.
            case .none, .requestTimedOut:
                table.release(bytes: part.append.sizeInBytes, areTaken: true, bound: lanes.bytesUnderWay)
                table.acknowledged(
                    part.partition, generation: part.generation,
                    ExactPartition.Told(
                        logStart: answer.logStart, end: answer.end, highWatermark: answer.highWatermark),
                    part.append.load)
            default:
                table.release(bytes: part.append.sizeInBytes)
                target.forgetPlaces()
                table.interrupt(
                    part.partition, generation: part.generation,
                    reason: "writing: \(answer.message ?? "\(answer.error)")")
            }
        }
    }
}
