import NIOCore
import Quorum
import Testing
import WireCoding
import ZNodes
import ZooKeeperProtocol

@testable import CoordinatorKernel

private let membership = Membership(
    [
        Membership.Member(id: MemberID(1), address: "a:2888:3888", weight: 2, group: 7),
        Membership.Member(id: MemberID(-2), isVoter: false, address: "é", weight: 0),
    ], version: 0x1_0000_0005)

private let entries = [
    QuorumEntry(zxid: 0x2_0000_0000, record: ByteBuffer(), membership: membership),
    QuorumEntry(zxid: 0x2_0000_0001, record: ByteBuffer(string: "changed")),
    QuorumEntry(zxid: .max, record: ByteBuffer(repeating: 3, count: 5000)),
]

private let quorumMessages: [QuorumMessage] = [
    .voteAsked(VoteRequest(epoch: 3, lastZxid: 0x2_0000_0001, isPreliminary: true)),
    .voteAnswered(VoteAnswer(epoch: .max, isPreliminary: false, isGranted: true, lastZxid: -1, committed: 4)),
    .heartbeat(epoch: 1, round: .max), .heartbeatAnswered(epoch: .min, round: 5), .joinAsked,
    .leadershipOffered(epoch: 9),
    .entries(Append(epoch: 2, previousZxid: 1, entries: entries, committed: 3, lastZxid: .max)),
    .entries(Append(epoch: 2, previousZxid: 0, entries: [], committed: 0, lastZxid: 0, settled: .max)),
    .acknowledged(Acknowledgement(epoch: 2, zxid: 8, rebirth: .max)),
    .rejected(Rejection(epoch: 4, previousZxid: 5, nearestZxid: 6)),
]

private let identities = [ZooKeeperID.anyone, ZooKeeperID(scheme: "digest", id: "u:hash")]

private let questions: [ForwardedQuestion.Question] = [
    .open(timeoutInMilliseconds: 30_000), .resume(password: ByteBuffer(repeating: 9, count: 16)), .close,
    .request(type: -11, body: ByteBuffer(string: "body")), .request(type: 999, body: ByteBuffer()),
]

private let outcomes: [Verdict.Outcome] = [
    .opened(timeoutInMilliseconds: 4000), .resumed(timeoutInMilliseconds: .max), .refused,
    .answered(error: -101, body: ByteBuffer()), .answered(error: 0, body: ByteBuffer(repeating: 1, count: 9000)),
]

private let messages: [PeerMessage] =
    quorumMessages.map { .quorum($0) } + [
        .snapshotChunk(SnapshotChunk(epoch: 1, zxid: 2, number: 0, bytes: ByteBuffer(string: "state"), isLast: false)),
        .snapshotChunk(SnapshotChunk(epoch: 1, zxid: 2, number: 70_000, bytes: ByteBuffer(), isLast: true)),
        .snapshotReceived(SnapshotProgress(epoch: 1, zxid: 2, number: 3)),
        .touched(sessions: [1, .min, .max]), .touched(sessions: []), .sessionMoved(77),
        .digest(ZxidDigest(zxid: 128, digest: .max)),
    ]
    + questions.map {
        .asked(ForwardedQuestion(ticket: .max, session: -5, identities: identities, question: $0))
    } + outcomes.map { .verdict(Verdict(ticket: 1, zxid: 0x1_0000_0002, outcome: $0)) }

/// The bodies of the frames that `pieces` make up.
private func frames(_ pieces: [RecordBytes]) throws -> [ByteBuffer] {
    var stream = ByteBuffer()
    for piece in pieces {
        guard case .inMemory(let buffer) = piece else {
            Issue.record("a piece in a file")
            continue
        }
        stream.writeImmutableBuffer(buffer)
    }
    var frames: [ByteBuffer] = []
    while let length = stream.readInteger(as: Int32.self) {
        let frame = stream.readSlice(length: Int(length))
        frames.append(try #require(frame))
    }
    #expect(stream.readableBytes == 0)
    return frames
}

@Suite struct PeerMessageTests {
    @Test(arguments: messages) func aMessageComesBack(message: PeerMessage) throws {
        let frame = try #require(try frames(PeerFrame.frames([message])).first)
        #expect(try PeerFrame.messages(in: frame) == [message])
    }

    @Test func manyComeBackInOrderInOneFrame() throws {
        let sent = try frames(PeerFrame.frames(messages))
        #expect(sent.count == 1)
        #expect(try sent.flatMap { frame in try PeerFrame.messages(in: frame) } == messages)
    }

    @Test func muchIsCutIntoFrames() throws {
        let chunk = SnapshotChunk(
            epoch: 1, zxid: 2, number: 0, bytes: ByteBuffer(repeating: 5, count: 3 << 20), isLast: false)
        let many = [PeerMessage](repeating: .snapshotChunk(chunk), count: 7)
        let sent = try frames(PeerFrame.frames(many))
        #expect(sent.map(\.readableBytes).max() ?? 0 < PeerFrame.wishedSizeInBytes + (4 << 20))
        #expect(sent.count == 3)
        #expect(try sent.flatMap { frame in try PeerFrame.messages(in: frame) } == many)
        #expect(PeerFrame.frames([]).isEmpty)
    }

    @Test(arguments: messages) func cutShortItIsRefused(message: PeerMessage) throws {
        let frame = try #require(try frames(PeerFrame.frames([message])).first)
        for length in stride(from: 1, to: frame.readableBytes, by: frame.readableBytes > 2000 ? 97 : 1) {
            let part = try #require(frame.getSlice(at: frame.readerIndex, length: length))
            #expect(throws: MalformedInput.self) { try PeerFrame.messages(in: part) }
        }
    }

    @Test func bytesOfChanceAreReadOrRefused() {
        var generator = SystemRandomNumberGenerator()
        var refused = 0
        for round in 0..<20_000 {
            var bytes = (0..<Int.random(in: 1...80, using: &generator)).map { _ in
                UInt8.random(in: .min ... .max, using: &generator)
            }
            // Half of them begin like a message, so that its fields are reached.
            if round % 2 == 0 {
                bytes[0] = [1, 2, 16, 18, 32, 33, 48, 49, 50, 51].randomElement(using: &generator) ?? 1
            }
            do {
                _ = try PeerFrame.messages(in: ByteBuffer(bytes: bytes))
            } catch {
                refused += 1
            }
        }
        #expect(refused > 15_000)
    }

    @Test func aCountBeyondTheFrameIsRefusedBeforeMemoryIsTaken() {
        var frame = ByteBuffer()
        frame.writeInteger(UInt8(50))
        frame.writeInteger(Int32.max)
        #expect(throws: MalformedInput.self) { try PeerFrame.messages(in: frame) }
    }

    @Test func onlyElectionsAndHeartbeatsAreSmall() {
        let small = messages.filter(\.isSmall)
        #expect(small == quorumMessages[..<6].map { .quorum($0) })
    }
}
