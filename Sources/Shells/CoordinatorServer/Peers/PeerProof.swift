import NIOCore
import Transport
import WireCoding

/// What the two ends of a link say to each other before the hello, when who has dialled proves who it is. Big-endian, each
/// in a frame of its own.
///
/// From who has dialled: a number that tells this apart from a hello (4 bytes), its version (2), the mechanism as number
/// (1), and a token.
struct PeerProof: Sendable, Equatable {
    /// `MRLA`
    static let magic: Int32 = 0x4d52_4c41
    static let version: Int16 = 1
    private static let mechanisms: [Int8: SASLMechanism] = [1: .digestMD5, 2: .gssapi]

    var mechanism: SASLMechanism
    var token: [UInt8]

    init(_ mechanism: SASLMechanism, _ token: [UInt8]) {
        self.mechanism = mechanism
        self.token = token
    }

    /// Whether a frame is one of these, or nothing that can be read.
    static func begins(_ frame: ByteBuffer) -> Bool {
        frame.getInteger(at: frame.readerIndex, as: Int32.self) == magic
    }

    init(_ frame: ByteBuffer) throws(MalformedInput) {
        self = try WireReader.read(frame) { reader throws(MalformedInput) in
            guard try reader.int32() == Self.magic else {
                throw MalformedInput(.custom("no proof of a member"), at: reader.position)
            }
            guard try reader.int16() == Self.version else {
                throw MalformedInput(.unsupportedVersion, at: reader.position)
            }
            guard let mechanism = Self.mechanisms[try reader.int8()] else {
                throw MalformedInput(.custom("an unknown mechanism"), at: reader.position)
            }
            return PeerProof(mechanism, try reader.rest())
        }
    }

    /// The whole frame.
    var frame: ByteBuffer {
        PeerGreeting.frame { writer in
            writer.int32(Self.magic)
            writer.int16(Self.version)
            writer.int8(Self.mechanisms.first { $0.value == mechanism }?.key ?? 0)
            token.withUnsafeBytes { writer.raw($0) }
        }
    }
}

/// What is answered: the number and the version, what it is (1 byte), and a token or a sentence.
enum PeerProofAnswer: Sendable, Equatable {
    case challenge([UInt8])
    /// The hello may follow. Some mechanisms end with a token by which the dialled member proves that it knows, too.
    case accepted(lastToken: [UInt8])
    case refused(String)

    init(_ frame: ByteBuffer) throws(MalformedInput) {
        self = try WireReader.read(frame) { reader throws(MalformedInput) in
            guard try reader.int32() == PeerProof.magic else {
                throw MalformedInput(.custom("no answer to a proof"), at: reader.position)
            }
            let version = try reader.int16()
            let kind = try reader.int8()
            let content = try reader.rest()
            // A refusal is read in any version: its sentence is what the operator needs.
            if kind == 2 { return .refused(String(decoding: content, as: UTF8.self)) }
            guard version == PeerProof.version, kind == 0 || kind == 1 else {
                throw MalformedInput(.unsupportedVersion, at: reader.position)
            }
            return kind == 0 ? .challenge(content) : .accepted(lastToken: content)
        }
    }

    /// The whole frame.
    var frame: ByteBuffer {
        let (kind, content): (Int8, [UInt8]) =
            switch self {
            case .challenge(let token): (0, token)
            case .accepted(let token): (1, token)
            case .refused(let sentence): (2, Array(sentence.utf8))
            }
        return PeerGreeting.frame { writer in
            writer.int32(PeerProof.magic)
            writer.int16(PeerProof.version)
            writer.int8(kind)
            content.withUnsafeBytes { writer.raw($0) }
        }
    }
}

extension WireReader {
    /// All bytes that are left.
    fileprivate mutating func rest() throws(MalformedInput) -> [UInt8] {
        Array(try slice(remaining).readableBytesView)
    }
}
