import NIOCore
import Quorum
import WireCoding
import ZooKeeperProtocol

// The fields of each message, in the order in which they stand on the wire.

extension VoteRequest {
    init(reading reader: inout WireReader) throws(MalformedInput) {
        self.init(epoch: try reader.int32(), lastZxid: try reader.int64(), isPreliminary: try reader.bool())
    }

    func write(to writer: inout WireWriter) {
        writer.int32(epoch)
        writer.int64(lastZxid)
        writer.bool(isPreliminary)
    }
}

extension VoteAnswer {
    init(reading reader: inout WireReader) throws(MalformedInput) {
        self.init(
            epoch: try reader.int32(), isPreliminary: try reader.bool(), isGranted: try reader.bool(),
            lastZxid: try reader.int64(), committed: try reader.int64())
    }

    func write(to writer: inout WireWriter) {
        writer.int32(epoch)
        writer.bool(isPreliminary)
        writer.bool(isGranted)
        writer.int64(lastZxid)
        writer.int64(committed)
    }
}

extension Append {
    init(reading reader: inout WireReader) throws(MalformedInput) {
        self.init(
            epoch: try reader.int32(), previousZxid: try reader.int64(),
            entries: try reader.juteVector(minimumSize: 13) { reader throws(MalformedInput) in
                try QuorumEntry(reading: &reader)
            },
            committed: try reader.int64(), lastZxid: try reader.int64(), settled: UInt64(bitPattern: try reader.int64())
        )
    }

    func write(to writer: inout WireWriter) {
        writer.int32(epoch)
        writer.int64(previousZxid)
        writer.juteVector(entries) { writer, entry in entry.write(to: &writer) }
        writer.int64(committed)
        writer.int64(lastZxid)
        writer.int64(Int64(bitPattern: settled))
    }
}

extension Rejection {
    init(reading reader: inout WireReader) throws(MalformedInput) {
        self.init(epoch: try reader.int32(), previousZxid: try reader.int64(), nearestZxid: try reader.int64())
    }

    func write(to writer: inout WireWriter) {
        writer.int32(epoch)
        writer.int64(previousZxid)
        writer.int64(nearestZxid)
    }
}

extension QuorumEntry {
    init(reading reader: inout WireReader) throws(MalformedInput) {
        self.init(zxid: try reader.int64(), record: try reader.bytes())
        if try reader.bool() { membership = try Membership(reading: &reader) }
    }

    func write(to writer: inout WireWriter) {
        writer.int64(zxid)
        writer.bytes(record)
        writer.bool(membership != nil)
        membership?.write(to: &writer)
    }
}

extension Membership {
    package init(reading reader: inout WireReader) throws(MalformedInput) {
        let version = try reader.int64()
        let members = try reader.juteVector(minimumSize: 18) { reader throws(MalformedInput) in
            try Member(reading: &reader)
        }
        self.init(members, version: version)
    }

    package func write(to writer: inout WireWriter) {
        writer.int64(version)
        writer.juteVector(members) { writer, member in member.write(to: &writer) }
    }
}

extension Membership.Member {
    fileprivate init(reading reader: inout WireReader) throws(MalformedInput) {
        self.init(
            id: MemberID(try reader.int64()), isVoter: try reader.bool(), address: try reader.juteString(),
            weight: Int(try reader.int32()), group: try reader.bool() ? try reader.int64() : nil)
    }

    fileprivate func write(to writer: inout WireWriter) {
        writer.int64(id.number)
        writer.bool(isVoter)
        writer.juteString(address)
        writer.int32(Int32(clamping: weight))
        writer.bool(group != nil)
        if let group { writer.int64(group) }
    }
}

extension SnapshotChunk {
    init(reading reader: inout WireReader) throws(MalformedInput) {
        self.init(
            epoch: try reader.int32(), zxid: try reader.int64(), number: Int(try reader.int32()),
            bytes: try reader.bytes(), isLast: try reader.bool())
    }

    func write(to writer: inout WireWriter) {
        writer.int32(epoch)
        writer.int64(zxid)
        writer.int32(Int32(clamping: number))
        writer.bytes(bytes)
        writer.bool(isLast)
    }
}

extension SnapshotProgress {
    init(reading reader: inout WireReader) throws(MalformedInput) {
        self.init(epoch: try reader.int32(), zxid: try reader.int64(), number: Int(try reader.int32()))
    }

    func write(to writer: inout WireWriter) {
        writer.int32(epoch)
        writer.int64(zxid)
        writer.int32(Int32(clamping: number))
    }
}

extension ForwardedQuestion {
    private enum Kind: Int8 {
        case open = 1
        case resume, close, request
    }

    init(reading reader: inout WireReader) throws(MalformedInput) {
        let ticket = UInt64(bitPattern: try reader.int64())
        let session = try reader.int64()
        let identities = try reader.juteVector(minimumSize: 8) { reader throws(MalformedInput) in
            try ZooKeeperID(reading: &reader)
        }
        let position = reader.position
        let question: Question
        switch Kind(rawValue: try reader.int8()) {
        case .open: question = .open(timeoutInMilliseconds: try reader.int32())
        case .resume: question = .resume(password: try reader.bytes())
        case .close: question = .close
        case .request: question = .request(type: try reader.int32(), body: try reader.bytes())
        case nil: throw MalformedInput(.custom("a kind of question that members do not ask"), at: position)
        }
        self.init(ticket: ticket, session: session, identities: identities, question: question)
    }

    func write(to writer: inout WireWriter) {
        writer.int64(Int64(bitPattern: ticket))
        writer.int64(session)
        writer.juteVector(identities) { writer, identity in identity.write(to: &writer) }
        switch question {
        case .open(let timeout):
            writer.int8(Kind.open.rawValue)
            writer.int32(timeout)
        case .resume(let password):
            writer.int8(Kind.resume.rawValue)
            writer.bytes(password)
        case .close: writer.int8(Kind.close.rawValue)
        case .request(let type, let body):
            writer.int8(Kind.request.rawValue)
            writer.int32(type)
            writer.bytes(body)
        }
    }
}

extension Verdict {
    private enum Kind: Int8 {
        case opened = 1
        case resumed, refused, answered
    }

    init(reading reader: inout WireReader) throws(MalformedInput) {
        let ticket = UInt64(bitPattern: try reader.int64())
        let zxid = try reader.int64()
        let position = reader.position
        let outcome: Outcome
        switch Kind(rawValue: try reader.int8()) {
        case .opened: outcome = .opened(timeoutInMilliseconds: try reader.int32())
        case .resumed: outcome = .resumed(timeoutInMilliseconds: try reader.int32())
        case .refused: outcome = .refused
        case .answered: outcome = .answered(error: try reader.int32(), body: try reader.bytes())
        case nil: throw MalformedInput(.custom("a kind of verdict that leaders do not give"), at: position)
        }
        self.init(ticket: ticket, zxid: zxid, outcome: outcome)
    }

    func write(to writer: inout WireWriter) {
        writer.int64(Int64(bitPattern: ticket))
        writer.int64(zxid)
        switch outcome {
        case .opened(let timeout):
            writer.int8(Kind.opened.rawValue)
            writer.int32(timeout)
        case .resumed(let timeout):
            writer.int8(Kind.resumed.rawValue)
            writer.int32(timeout)
        case .refused: writer.int8(Kind.refused.rawValue)
        case .answered(let error, let body):
            writer.int8(Kind.answered.rawValue)
            writer.int32(error)
            writer.bytes(body)
        }
    }
}

extension WireReader {
    /// A length and that many bytes, as a slice of the frame.
    fileprivate mutating func bytes() throws(MalformedInput) -> ByteBuffer { try slice(Int(try int32())) }
}

extension WireWriter {
    fileprivate mutating func bytes(_ bytes: ByteBuffer) {
        int32(Int32(bytes.readableBytes))
        records(.inMemory(bytes))
    }
}
