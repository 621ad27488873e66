import NIOCore
import Quorum
import WireCoding

/// What a link carries.
enum PeerLinkKind: Int8, Sendable, CustomStringConvertible {
    /// Votes and heartbeats, to the election port.
    case control = 1
    /// Everything else, to the quorum port.
    case data

    var description: String {
        switch self {
        case .control: "election port"
        case .data: "quorum port"
        }
    }

    /// A link with more unsent bytes is given up: its peer does not keep up or is gone.
    var unsentBytesBound: Int {
        switch self {
        case .control: 1 << 20
        case .data: 64 << 20
        }
    }
}

/// The first frame on a link, from the member that dialled.
///
/// Big-endian: a number that tells the protocol (4 bytes), its version (2), the link's kind (1), the sender (8), the
/// receiver that is meant (8), the id of the ensemble and the sender's own address, each with a length of 4 bytes.
struct PeerHello: Sendable, Equatable {
    /// `MRLT`
    static let magic: Int32 = 0x4d52_4c54
    static let version: Int16 = 1
    /// No greeting is longer.
    static let largestSize = 4096

    var version = Self.version
    var kind: PeerLinkKind
    var sender: MemberID
    var receiver: MemberID
    /// 16 bytes; empty when the sender knows of none yet.
    var ensemble: [UInt8]
    /// As ``MemberAddress`` writes it.
    var address: String

    init(kind: PeerLinkKind, sender: MemberID, receiver: MemberID, ensemble: [UInt8], address: String) {
        self.kind = kind
        self.sender = sender
        self.receiver = receiver
        self.ensemble = ensemble
        self.address = address
    }

    init(_ frame: ByteBuffer) throws(MalformedInput) {
        self = try WireReader.read(frame) { reader throws(MalformedInput) in
            guard frame.readableBytes <= Self.largestSize, try reader.int32() == Self.magic else {
                throw MalformedInput(.custom("no hello of a member"), at: reader.position)
            }
            let version = try reader.int16()
            guard version == Self.version else { throw MalformedInput(.unsupportedVersion, at: reader.position) }
            guard let kind = PeerLinkKind(rawValue: try reader.int8()) else {
                throw MalformedInput(.custom("a kind of link that members do not make"), at: reader.position)
            }
            let sender = MemberID(try reader.int64())
            let receiver = MemberID(try reader.int64())
            let ensemble = try reader.ensemble()
            let hello = PeerHello(
                kind: kind, sender: sender, receiver: receiver, ensemble: ensemble,
                address: try reader.text(Int(try reader.int32())))
            try reader.finish()
            return hello
        }
    }

    /// The whole frame.
    var frame: ByteBuffer {
        PeerGreeting.frame { writer in
            writer.int32(Self.magic)
            writer.int16(version)
            writer.int8(kind.rawValue)
            writer.int64(sender.number)
            writer.int64(receiver.number)
            writer.ensemble(ensemble)
            writer.int32(Int32(address.utf8.count))
            writer.text(address)
        }
    }
}

/// The answer to a hello, the only frame that goes back over a link: the protocol's number (4 bytes), its version (2),
/// whether the link stands (1), the id of the ensemble, and why the link was refused.
struct PeerWelcome: Sendable, Equatable {
    var ensemble: [UInt8]
    /// A sentence; nil when the link stands.
    var refusal: String?

    init(ensemble: [UInt8], refusal: String? = nil) {
        self.ensemble = ensemble
        self.refusal = refusal
    }

    init(_ frame: ByteBuffer) throws(MalformedInput) {
        self = try WireReader.read(frame) { reader throws(MalformedInput) in
            guard frame.readableBytes <= PeerHello.largestSize, try reader.int32() == PeerHello.magic else {
                throw MalformedInput(.custom("no answer of a member"), at: reader.position)
            }
            // A refusal is read in any version: its sentence is what the operator needs.
            let version = try reader.int16()
            let stands = try reader.bool()
            guard version == PeerHello.version || !stands else {
                throw MalformedInput(.unsupportedVersion, at: reader.position)
            }
            let ensemble = try reader.ensemble()
            let sentence = try reader.text(Int(try reader.int32()))
            return PeerWelcome(ensemble: ensemble, refusal: stands ? nil : sentence)
        }
    }

    /// The whole frame.
    var frame: ByteBuffer {
        PeerGreeting.frame { writer in
            writer.int32(PeerHello.magic)
            writer.int16(PeerHello.version)
            writer.bool(refusal == nil)
            writer.ensemble(ensemble)
            writer.int32(Int32((refusal ?? "").utf8.count))
            writer.text(refusal ?? "")
        }
    }
}

enum PeerGreeting {
    static func frame(_ write: (inout WireWriter) -> Void) -> ByteBuffer {
        var writer = WireWriter()
        writer.int32(0)
        write(&writer)
        writer.patch(int32: Int32(writer.count - 4), at: 0)
        return writer.buffer()
    }
}

extension WireReader {
    /// The id of an ensemble: 16 bytes or none.
    fileprivate mutating func ensemble() throws(MalformedInput) -> [UInt8] {
        let count = Int(try int32())
        guard count == 0 || count == 16 else {
            throw MalformedInput(.custom("the id of an ensemble that is not 16 bytes long"), at: position)
        }
        return Array(try slice(count).readableBytesView)
    }
}

extension WireWriter {
    fileprivate mutating func ensemble(_ id: [UInt8]) {
        int32(Int32(id.count))
        id.withUnsafeBytes { raw($0) }
    }
}
