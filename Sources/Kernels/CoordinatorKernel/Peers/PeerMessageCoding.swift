import NIOCore
import Quorum
import WireCoding
import ZNodes
import ZooKeeperProtocol

/// How messages between members stand on the wire.
///
/// A frame, big-endian, is its length (4 bytes) and the messages of one turn one after the other; a message is a byte
/// that tells its kind, and its fields. Texts, byte fields and lists are Jute's: a length or count of 4 bytes in front.
package enum PeerFrame {
    /// No member sends a longer frame, except for a message that is longer by itself.
    static let wishedSizeInBytes = 8 << 20

    /// Frames with `messages` in order, as pieces to be sent one after the other.
    package static func frames(_ messages: [PeerMessage]) -> [RecordBytes] {
        var pieces: [RecordBytes] = []
        var rest = messages[...]
        while !rest.isEmpty {
            var writer = WireWriter(capacity: 1024)
            writer.int32(0)
            while writer.count < wishedSizeInBytes, let message = rest.popFirst() { message.write(to: &writer) }
            pieces.append(contentsOf: writer.framedPieces())
        }
        return pieces
    }

    /// The messages of a frame, which is without its length. Byte fields share its memory.
    package static func messages(in frame: ByteBuffer) throws(MalformedInput) -> [PeerMessage] {
        try WireReader.read(frame) { reader throws(MalformedInput) in
            var messages: [PeerMessage] = []
            while reader.remaining > 0 { messages.append(try PeerMessage(reading: &reader)) }
            return messages
        }
    }
}

/// The byte in front of a message; never one with a new meaning.
private enum Kind: Int8 {
    case voteAsked = 1
    case voteAnswered, heartbeat, heartbeatAnswered, joinAsked, leadershipOffered
    case entries = 16
    case acknowledged, rejected
    case snapshotChunk = 32
    case snapshotReceived
    case asked = 48
    case verdict, touched, sessionMoved, digest
}

extension PeerMessage {
    fileprivate init(reading reader: inout WireReader) throws(MalformedInput) {
        let position = reader.position
        guard let kind = Kind(rawValue: try reader.int8()) else {
            throw MalformedInput(.custom("a kind of message that members do not send"), at: position)
        }
        switch kind {
        case .voteAsked: self = .quorum(.voteAsked(try VoteRequest(reading: &reader)))
        case .voteAnswered: self = .quorum(.voteAnswered(try VoteAnswer(reading: &reader)))
        case .heartbeat: self = .quorum(.heartbeat(epoch: try reader.int32(), round: try reader.int64()))
        case .heartbeatAnswered:
            self = .quorum(.heartbeatAnswered(epoch: try reader.int32(), round: try reader.int64()))
        case .joinAsked: self = .quorum(.joinAsked)
        case .leadershipOffered: self = .quorum(.leadershipOffered(epoch: try reader.int32()))
        case .entries: self = .quorum(.entries(try Append(reading: &reader)))
        case .acknowledged:
            self = .quorum(
                .acknowledged(
                    Acknowledgement(
                        epoch: try reader.int32(), zxid: try reader.int64(),
                        rebirth: UInt64(bitPattern: try reader.int64()))))
        case .rejected: self = .quorum(.rejected(try Rejection(reading: &reader)))
        case .snapshotChunk: self = .snapshotChunk(try SnapshotChunk(reading: &reader))
        case .snapshotReceived: self = .snapshotReceived(try SnapshotProgress(reading: &reader))
        case .asked: self = .asked(try ForwardedQuestion(reading: &reader))
        case .verdict: self = .verdict(try Verdict(reading: &reader))
        case .touched:
            self = .touched(
                sessions: try reader.juteVector(minimumSize: 8) { reader throws(MalformedInput) in try reader.int64() })
        case .sessionMoved: self = .sessionMoved(try reader.int64())
        case .digest:
            self = .digest(
                ZxidDigest(zxid: try reader.int64(), digest: UInt64(bitPattern: try reader.int64())))
        }
    }

    fileprivate func write(to writer: inout WireWriter) {
        switch self {
        case .quorum(let message): message.write(to: &writer)
        case .snapshotChunk(let chunk):
            writer.kind(.snapshotChunk)
            chunk.write(to: &writer)
        case .snapshotReceived(let progress):
            writer.kind(.snapshotReceived)
            progress.write(to: &writer)
        case .asked(let question):
            writer.kind(.asked)
            question.write(to: &writer)
        case .verdict(let verdict):
            writer.kind(.verdict)
            verdict.write(to: &writer)
        case .touched(let sessions):
            writer.kind(.touched)
            writer.juteVector(sessions) { $0.int64($1) }
        case .sessionMoved(let session):
            writer.kind(.sessionMoved)
            writer.int64(session)
        case .digest(let digest):
            writer.kind(.digest)
            writer.int64(digest.zxid)
            writer.int64(Int64(bitPattern: digest.digest))
        }
    }
}

extension QuorumMessage {
    fileprivate func write(to writer: inout WireWriter) {
        switch self {
        case .voteAsked(let request):
            writer.kind(.voteAsked)
            request.write(to: &writer)
        case .voteAnswered(let answer):
            writer.kind(.voteAnswered)
            answer.write(to: &writer)
        case .heartbeat(let epoch, let round):
            writer.kind(.heartbeat)
            writer.int32(epoch)
            writer.int64(round)
        case .heartbeatAnswered(let epoch, let round):
            writer.kind(.heartbeatAnswered)
            writer.int32(epoch)
            writer.int64(round)
        case .joinAsked: writer.kind(.joinAsked)
        case .leadershipOffered(let epoch):
            writer.kind(.leadershipOffered)
            writer.int32(epoch)
        case .entries(let append):
            writer.kind(.entries)
            append.write(to: &writer)
        case .acknowledged(let acknowledgement):
            writer.kind(.acknowledged)
            writer.int32(acknowledgement.epoch)
            writer.int64(acknowledgement.zxid)
            writer.int64(Int64(bitPattern: acknowledgement.rebirth))
        case .rejected(let rejection):
            writer.kind(.rejected)
            rejection.write(to: &writer)
        }
    }
}

extension WireWriter {
    fileprivate mutating func kind(_ kind: Kind) { int8(kind.rawValue) }
}
