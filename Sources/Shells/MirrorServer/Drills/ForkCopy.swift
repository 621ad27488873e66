import ClusterModel
import KafkaProtocol
import MartletClient
import NIOCore
import Records

/// Copies one partition of a mirror topic into its fork: the same bytes at the same offsets, up to an end. It goes on
/// where the fork's log ends.
struct ForkCopy: Sendable {
    private static let mostBytesOfFetch: Int32 = 4 << 20
    /// After so many both sides are asked anew where they stand.
    private static let bytesAtOnce = 64 << 20
    /// How often nothing may come of asking anew.
    private static let mostIdleTurns = 10

    let cluster: KafkaClient
    /// The forks' own.
    let link: String
    let origin: TopicPartition
    let fork: TopicPartition
    let forkID: KafkaUUID
    let end: Offset
    /// For what can be tried again.
    let limit: Duration

    /// Whole batches that begin below the end, in order.
    private struct Piece: Sendable {
        var bytes = ByteBuffer()
        var first: Offset
        var end: Offset
    }

    private struct Log: Sendable {
        var start: Offset
        var end: Offset

        var isEmpty: Bool { start == end }
    }

    func run() async throws {
        var (reached, idleTurns) = (Offset(-1), 0)
        while let next = try await turn(after: reached) {
            idleTurns = next > reached ? 0 : idleTurns + 1
            guard idleTurns < Self.mostIdleTurns else {
                throw UnfinishedMove("\(fork) does not come further than offset \(next)")
            }
            reached = max(reached, next)
        }
    }

    /// - Returns: how far the fork has come; nil when it has all.
    private func turn(after reached: Offset) async throws -> Offset? {
        do {
            return try await cluster.retrying(within: limit) { try await copySome() }
        } catch let fault as ClientFault where fault.code == .offsetOutOfRange {
            // What was to be read has been deleted meanwhile.
            return reached
        }
    }

    private func copySome() async throws -> Offset? {
        let standings = try await Administrator(cluster).describeMirrors([origin, fork])
        guard let mirror = standings[origin], let own = standings[fork] else {
            throw ClientFault.refused(.leaderNotAvailable, "\(origin), or its fork")
        }
        // Its promotion has begun: it had all then.
        guard own.state == .mirroring else { return nil }
        var log = Log(start: own.logStart, end: own.end)
        let start = min(mirror.logStart, end)
        if log.end < start, !log.isEmpty {
            // All that is here has been deleted from the mirror topic, and more: the fork begins anew.
            log = try await append(nil, start: log.end, to: log)
            guard log.isEmpty else { return log.end }
        }
        var copied = 0
        var piece = try await read(from: max(log.end, mirror.logStart))
        while piece.bytes.readableBytes > 0 {
            let next = piece.end
            async let following = read(from: next)
            let first = log.isEmpty ? piece.first : log.end
            log = try await append(piece.bytes, start: min(start, first), to: log)
            copied += piece.bytes.readableBytes
            piece = try await following
            if copied >= Self.bytesAtOnce { return log.end }
        }
        guard log.start < start else { return nil }
        // An empty log begins wherever it is told, another one cannot begin behind its end.
        log = try await append(nil, start: log.isEmpty ? start : min(start, log.end), to: log)
        return log.start < start ? log.end : nil
    }

    /// Empty when there is nothing between the offset and the end.
    private func read(from offset: Offset) async throws -> Piece {
        var piece = Piece(first: offset, end: offset)
        guard offset < end else { return piece }
        var fetch = RawFetch()
        fetch.maximumBytes = Self.mostBytesOfFetch
        fetch.maximumBytesPerPartition = Self.mostBytesOfFetch
        let connection = try await cluster.connection(for: .leader(origin))
        guard let answer = try await fetch([(origin, offset)], on: connection).first else {
            throw ClientFault.refused(.unknownTopicOrPartition, "\(origin)")
        }
        try ClientFault.check(answer.error.rawValue, "\(origin) at \(offset)")
        guard answer.highWatermark >= end else {
            throw ClientFault.refused(
                .offsetNotAvailable, "\(origin)", "ends at \(answer.highWatermark), and ended at \(end) before")
        }
        var batches = RecordBatches(answer.records)
        var size = 0
        while let batch = try batches.next(), batch.header.baseOffset < end {
            if size == 0 { piece.first = batch.header.baseOffset }
            size += batch.header.sizeInBytes
            piece.end = batch.header.nextOffset
        }
        piece.bytes = answer.records.getSlice(at: answer.records.readerIndex, length: size) ?? ByteBuffer()
        return piece
    }

    /// - Parameters:
    ///   - records: nil only tells the log start.
    ///   - start: where the fork is to begin, as far as its log can.
    /// - Returns: the fork's log afterwards.
    private func append(_ records: ByteBuffer?, start: Offset, to log: Log) async throws -> Log {
        let part = RawMirrorAppend.Part(
            topicID: forkID, partition: fork.partition, homeEpoch: 0, expectedEnd: log.end, logStart: start,
            records: records)
        let connection = try await cluster.connection(for: .leader(fork))
        let answers = try await withCheckedThrowingContinuation { continuation in
            RawMirrorAppend(link: link)([part], on: connection) { continuation.resume(with: $0) }
        }
        guard let answer = answers.first else { throw ClientFault.refused(.unknownTopicOrPartition, "\(fork)") }
        try ClientFault.check(answer.error.rawValue, "\(fork)", answer.message)
        return Log(start: answer.logStart, end: answer.end)
    }
}
