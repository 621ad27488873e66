import ClusterModel
import KafkaProtocol
import MartletClient
import Mirroring
import NIOCore
import WireCoding

/// One lane from a broker of the source: reads on a connection of its own, sends batches to whoever leads at the target,
/// and does not wait for one answer before it reads on.
///
/// What is under way is bounded in bytes. Batches of a partition go out in order on one connection; when one is
/// refused, those behind it are too, by their sequences.
struct CopyPump: Sendable {
    /// Of each one that shares a fetch with others.
    static let mostBytesOfPartition: Int32 = 1 << 20
    /// A request ends when it has become this long.
    private static let longestRequestInBytes = 4 << 20

    let broker: BrokerID
    /// Of this lane alone.
    let source: KafkaClient
    let target: KafkaClient
    let table: PartitionTable
    let locator: Locator
    let health: LinkHealth
    let bell: Bell
    /// Those with this broker, and which of them this is.
    let lanes: Lanes
    let lane: Int

    /// Moves until it is cancelled.
    func run() async {
        var connection: BrokerConnection?
        while !Task.isCancelled {
            await lanes.join(lane)
            do {
                try await move(&connection)
            } catch {
                if Task.isCancelled { return }
                connection = nil
                health.failed("broker \(broker)", "reading: \(error)")
                source.forgetPlaces()
                _ = await Attempts.pause(Attempts.firstPause * 5)
            }
        }
    }

    /// - Parameter connection: where it reads; nil before it does.
    private func move(_ connection: inout BrokerConnection?) async throws {
        let unlocated = table.toLocate(broker, now: .now)
        if !unlocated.isEmpty { await locator.locate(unlocated) }
        guard table.underWayInBytes < lanes.bytesUnderWay else {
            return await bell.wait()
        }
        let claim = table.claim(broker, lanes: lanes.count, now: .now)
        guard !claim.positions.isEmpty else { return await bell.wait() }
        guard let connection, connection.isOpen else {
            // What is claimed holds up all that lies behind it: it does not wait for a connection as well.
            table.giveBack(claim)
            connection = try await source.connection(to: broker)
            return
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
    }

    private func read(
        _ claim: PartitionTable.Claim, on connection: BrokerConnection
    ) async throws -> [RawFetch.Partition] {
        var fetch = RawFetch()
        fetch.readsCommitted = true
        let most = lanes.bytesOfFetch
        fetch.maximumBytes = most
        fetch.maximumBytesPerPartition = claim.positions.count == 1 ? most : Self.mostBytesOfPartition
        fetch.maximumBytesOf = claim.mostBytesOf
        return try await lanes.read(lane, fetch, claim.positions, on: connection)
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

    // MARK: To the target

    private struct Part {
        var source: TopicPartition
        var generation: Int
        var sizeInBytes: Int
        var load: CopyLoad
    }

    private func send(_ outgoing: [PartitionTable.Outgoing]) async {
        var byLeader: [BrokerID: [PartitionTable.Outgoing]] = [:]
        for partition in outgoing {
            do {
                byLeader[try await target.leader(of: partition.remote), default: []].append(partition)
            } catch {
                give(up: [partition], because: error)
            }
        }
        for (leader, partitions) in byLeader.sorted(by: { $0.key < $1.key }) {
            do {
                send(partitions, on: try await target.connection(to: leader))
            } catch {
                give(up: partitions, because: error)
            }
        }
    }

    private func give(up partitions: [PartitionTable.Outgoing], because error: any Error) {
        target.forgetPlaces()
        for partition in partitions {
            table.release(bytes: partition.batches.reduce(0) { $0 + $1.bytes.readableBytes })
            table.interrupt(
                partition.source, generation: partition.generation, code: (error as? ClientFault)?.code,
                reason: "writing: \(error)")
        }
    }

    /// One batch of each partition a request, for brokers take no more (KIP-98).
    private func send(_ partitions: [PartitionTable.Outgoing], on connection: BrokerConnection) {
        let rounds = partitions.map(\.batches.count).max() ?? 0
        for index in 0..<rounds {
            var batches: [(partition: TopicPartition, records: RecordBytes)] = []
            var parts: [TopicPartition: Part] = [:]
            var size = 0
            for partition in partitions where index < partition.batches.count {
                let batch = partition.batches[index]
                batches.append((partition.remote, .inMemory(batch.bytes)))
                parts[partition.remote] = Part(
                    source: partition.source, generation: partition.generation, sizeInBytes: batch.bytes.readableBytes,
                    load: batch.load)
                size += batch.bytes.readableBytes
                if size >= Self.longestRequestInBytes {
                    request(batches, parts, on: connection)
                    (batches, parts, size) = ([], [:], 0)
                }
            }
            if !batches.isEmpty { request(batches, parts, on: connection) }
        }
    }

    private func request(
        _ batches: [(partition: TopicPartition, records: RecordBytes)], _ parts: [TopicPartition: Part],
        on connection: BrokerConnection
    ) {
        RawProduce()(batches, on: connection) { result in
            table.release(bytes: parts.values.reduce(0) { $0 + $1.sizeInBytes }, bound: lanes.bytesUnderWay)
            var silent = parts
            switch result {
            case .success(let answers):
                for answer in answers {
                    guard let part = silent.removeValue(forKey: answer.partition) else { continue }
                    if answer.error == .none {
                        table.acknowledged(
                            part.source, generation: part.generation, at: answer.baseOffset, part.load)
                    } else {
                        target.forgetPlaces()
                        table.interrupt(
                            part.source, generation: part.generation, code: answer.error,
                            reason: "writing: \(answer.message ?? "\(answer.error)")")
                    }
                }
                for part in silent.values {
                    table.interrupt(
                        part.source, generation: part.generation, code: nil, reason: "writing: no answer for it")
                }
            case .failure(let fault):
                target.forgetPlaces()
                for part in parts.values {
                    table.interrupt(
                        part.source, generation: part.generation, code: fault.code, reason: "writing: \(fault)")
                }
                bell.ring()
            }
        }
    }
}
