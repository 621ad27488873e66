import ClusterModel
import Controller
import KafkaProtocol
import KafkaProtocolClusters
import Mirroring
import NIOCore
import Seams

/// One partition in the hands of a simulated mirror: reads in up to two places at once, and has several appends under
/// way.
final class MirroredPartition {
    private static let mostUnderWay = 3
    private static let questionInterval = Duration.seconds(1)

    private let name: TopicPartition
    private let mirror: SimulatedMirror
    private let process: SimulatedProcess
    /// Little, so that much is under way, or as good as everything.
    private let mostBytesOfFetch: Int32
    private var exact = ExactPartition()
    private var topicID = KafkaUUID.zero
    private var homeEpoch: Int32 = 0
    private var ahead: ReadAhead<ByteBuffer>?
    private var underWay: [SimulatedProcess.Call<MirrorAppendResponse>] = []
    /// Up to where the source's leader was told that the target has it.
    private var told: Offset = -1
    /// When the target may be asked again for what it has not committed.
    private var nextQuestion = Instant(nanoseconds: 0, unixMilliseconds: 0)
    /// The state that the trace has told.
    private var stateTold = ""
    var isWanted = true
    var isSynchronous = false

    init(_ name: TopicPartition, of mirror: SimulatedMirror) {
        self.name = name
        self.mirror = mirror
        process = mirror.process
        mostBytesOfFetch = Bool.random(using: &mirror.process.random) ? 900 : 20_000
    }

    private var source: Region { mirror.source }
    private var target: Region { mirror.target }

    func run() {
        process.begin { [self] in
            while process.isRunning, isWanted {
                if stateTold != exact.state.name {
                    stateTold = exact.state.name
                    process.chronicle.note(
                        "\(mirror.link) \(name): \(stateTold), from \(exact.nextOffset), the source's end \(exact.sourceEnd)"
                    )
                }
                if await process.attempt("\(mirror.link) \(name)", { try await goOn() }) { continue }
                exact.interrupted()
                underWay = []
                ahead = nil
                told = -1
                _ = await process.attempt("\(name)") { try await process.sleep(20...600) }
            }
        }
    }

    private func goOn() async throws {
        switch exact.state {
        case .locating:
            try await locate()
            if exact.state == .locating { try await process.sleep(50...300) }
        case .copying: try await copy()
        case .emptying, .beginning:
            if let append = exact.preparation() { underWay.append(try send(append)) }
            try await takeAnswer()
            try await process.sleep(10...100)
        case .found(let gap):
            try await mirror.record(gap, in: name)
            if case .mirrorAnew = exact.recorded(under: mirror.policy) { mirror.remake(name.topic) }
        case .resting, .remaking: try await process.sleep(200...1000)
        }
    }

    // MARK: - Where it stands

    private func locate() async throws {
        // The target first: what is appended meanwhile must not look as if the source lacked it.
        let stands = try await process.describe(name, in: target)
        guard stands.state == .mirroring, stands.link == mirror.link else {
            throw SimulatedProcess.Fault.notYet("the target has it as \(stands.state) of link '\(stands.link)'")
        }
        guard let topic = source.world.tree.image.topics[name.topic],
            topic.partitions.indices.contains(Int(name.partition))
        else { throw SimulatedProcess.Fault.nobody }
        let epoch = topic.partitions[Int(name.partition)].leaderEpoch
        let start = try await process.logStart(of: name, in: source)
        // The present epoch ends where the leader's log does, also before that is committed (again).
        guard let end = try await process.end(of: epoch, name, ledIn: epoch, in: source) else {
            throw SimulatedProcess.Fault.nobody
        }
        var log = ExactPartition.SourceLog(
            topicID: topic.id, leaderEpoch: epoch, start: start, firstBatch: start, end: end)
        if let asked = exact.epochToAsk(end: stands.told.logEndOffset) {
            log.epochEnd = try await process.end(of: asked, name, ledIn: epoch, in: source)
        }
        if topic.id == stands.topicID { try await compare(stands, &log) }
        guard isWanted else { return }
        topicID = stands.topicID
        homeEpoch = stands.told.homeEpoch
        exact.located(
            ExactPartition.TargetLog(
                topicID: stands.topicID, start: stands.told.logStartOffset, end: stands.told.logEndOffset,
                highWatermark: stands.told.highWatermark), log)
        ahead = nil
        told = -1
    }

    private func compare(_ stands: SimulatedProcess.Described, _ log: inout ExactPartition.SourceLog) async throws {
        let end = stands.told.logEndOffset
        if log.start > end {
            let first = try await process.batch(of: name, log.topicID, at: log.start, in: source).batch
            log.firstBatch = min(log.start, first?.header.baseOffset ?? log.start)
        } else if log.epochEnd == nil, stands.told.logStartOffset < end, log.start < min(log.end, end) {
            var search = TailSearch(
                from: max(log.start, stands.told.logStartOffset), sourceEnd: log.end, targetEnd: end)
            while let offset = search.next {
                let ours = try await look(offset, log.topicID, in: target)
                let theirs: TailSearch.Found? =
                    if let batch = ours.batch {
                        try await look(max(offset, batch.offsets.lowerBound), log.topicID, in: source)
                    } else { nil }
                search.compared(target: ours, source: theirs)
            }
            log.tail = search.tail ?? .unknown
        }
    }

    private func look(_ offset: Offset, _ id: KafkaUUID, in region: Region) async throws -> TailSearch.Found {
        let (batch, highWatermark) = try await process.batch(of: name, id, at: offset, in: region)
        return (batch.map { StandingBatch($0) }, highWatermark)
    }

    // MARK: - Copying

    private func copy() async throws {
        if ahead == nil { ahead = ReadAhead(at: exact.nextOffset) }
        var asked: [(offset: Offset, call: SimulatedProcess.Call<FetchResponse>)] = []
        while let offset = ahead?.ask(upTo: exact.sourceEnd, most: 2) {
            asked.append(
                (
                    offset,
                    try process.fetch(
                        name, topicID, at: offset, epoch: exact.sourceEpoch, waiting: 100,
                        bytes: mostBytesOfFetch, in: source)
                ))
        }
        for (offset, call) in asked { try take(await call.value, at: offset) }
        while underWay.count > Self.mostUnderWay || (!underWay.isEmpty && exact.nextOffset >= exact.sourceEnd) {
            try await takeAnswer()
        }
        try await confirm()
    }

    private func take(_ response: FetchResponse, at offset: Offset) throws {
        try process.check(response.errorCode)
        guard let data = response.responses.first?.partitions.first else { throw SimulatedProcess.Fault.nobody }
        try process.check(data.errorCode)
        var records = ByteBuffer()
        if case .inMemory(let bytes)? = data.records { records = bytes }
        let batches = try ExactPartition.batches(in: records, from: offset)
        let isFull = records.readableBytes >= mostBytesOfFetch / 2
        var ready =
            ahead?.take(
                records, at: offset, next: batches.end, sizeInBytes: records.readableBytes,
                longestBatchInBytes: batches.longestInBytes, isFull: isFull) ?? []
        if batches.end == offset { ready.append(ByteBuffer()) }
        for bytes in ready where exact.state == .copying {
            let append = try exact.take(bytes, logStart: data.logStartOffset, highWatermark: data.highWatermark)
            if let append { underWay.append(try send(append)) }
        }
    }

    private func send(_ append: ExactPartition.Append) throws -> SimulatedProcess.Call<MirrorAppendResponse> {
        var entry = MirrorAppendRequest.MirroredPartition()
        entry.index = name.partition
        entry.homeEpoch = homeEpoch
        entry.expectedEndOffset = append.expectedEnd
        entry.logStartOffset = append.logStart
        entry.records = append.records.map { .inMemory($0) }
        var topic = MirrorAppendRequest.MirroredTopic()
        topic.topicId = topicID
        topic.partitions = [entry]
        var request = MirrorAppendRequest()
        request.linkName = mirror.link
        request.timeoutMs = 1500
        request.topics = [topic]
        return process.call(request, version: 0, to: try target.leader(of: name, for: process), in: target)
    }

    private func takeAnswer() async throws {
        guard !underWay.isEmpty else { return }
        let answer = try await underWay.removeFirst().value.topics.first?.partitions.first
        guard let answer else { throw SimulatedProcess.Fault.nobody }
        // What timed out is appended; whether it is committed shows in the next answers.
        if answer.errorCode != ErrorCode.requestTimedOut.rawValue {
            try process.check(answer.errorCode, answer.errorMessage)
        }
        let isSound = exact.acknowledge(
            ExactPartition.Told(
                logStart: answer.logStartOffset, end: answer.logEndOffset, highWatermark: answer.highWatermark))
        if !isSound { throw SimulatedProcess.Fault.notYet("the target's log ends at \(answer.logEndOffset)") }
    }

    // MARK: - Confirming

    /// Whether the target still has what it could not commit in time. One that does not answer is asked again later.
    private func askTarget() async throws {
        nextQuestion = process.chronicle.now + Self.questionInterval
        var stands: SimulatedProcess.Described?
        _ = await process.attempt("asking \(target.name) for \(name)") {
            stands = try await process.describe(name, in: target)
        }
        guard process.isRunning else { throw SimulatedProcess.Fault.killed }
        guard let told = stands?.told else { return }
        let isSound = exact.stands(
            ExactPartition.Told(
                logStart: told.logStartOffset, end: told.logEndOffset, highWatermark: told.highWatermark),
            askedAt: exact.acknowledgedEnd)
        guard !isSound else { return }
        process.chronicle.count("appends that a target lost before it committed them, with nothing more to copy")
        throw SimulatedProcess.Fault.notYet("the target's log ends at \(told.logEndOffset)")
    }

    /// Tells the source's leader how far the target has it, now and then also what it was told before.
    private func confirm() async throws {
        if exact.awaitsCommit, process.chronicle.now >= nextQuestion { try await askTarget() }
        guard isSynchronous else { return }
        guard let end = exact.confirmedEnd, end > told || Int.random(in: 0..<8, using: &process.random) == 0 else {
            return
        }
        var entry = MirrorConfirmRequest.ConfirmedPartition()
        entry.index = name.partition
        entry.homeEpoch = homeEpoch
        entry.leaderEpoch = exact.sourceEpoch
        entry.confirmedOffset = end
        var topic = MirrorConfirmRequest.ConfirmedTopic()
        topic.topicId = topicID
        topic.partitions = [entry]
        var request = MirrorConfirmRequest()
        request.linkName = mirror.link
        request.topics = [topic]
        var code = ErrorCode.unknownServerError.rawValue
        _ = await process.attempt("confirming \(name)") {
            let response = try await process.ask(
                request, version: 0, to: source.leader(of: name, for: process), in: source)
            code = response.topics.first?.partitions.first?.errorCode ?? code
        }
        guard process.isRunning else { throw SimulatedProcess.Fault.killed }
        // Of the leader or of the home: another log is to be mirrored now. Reading finds out about all else.
        if code == ErrorCode.fencedLeaderEpoch.rawValue { try process.check(code) }
        if code == 0 { told = end }
    }
}
