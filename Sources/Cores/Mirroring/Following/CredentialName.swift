import NIOCore
import WireCoding

/// One credential of one user: with which mechanism it proves its password.
package struct CredentialName: Hashable, Sendable {
    package var user: String
    /// `SCRAM-SHA-256`.
    package var mechanism: String

    package init(of user: String, _ mechanism: String) {
        self.user = user
        self.mechanism = mechanism
    }
}

extension CredentialName: Comparable, CustomStringConvertible {
    package static func < (one: CredentialName, other: CredentialName) -> Bool {
        (one.user, one.mechanism) < (other.user, other.mechanism)
    }

    /// For people: `SCRAM-SHA-256 of user alice`.
    package var description: String { "\(mechanism) of user \(user)" }
}

extension CredentialName: FollowedName {
    package static func topic(source: String, target: String) -> String {
        "mirror-credentials.\(source)-\(target).internal"
    }

    package var recordKey: ByteBuffer {
        var writer = WireWriter()
        writer.shortText(user)
        writer.shortText(mechanism)
        return writer.buffer()
    }

    package init(recordKey: ByteBuffer) throws(MalformedInput) {
        self = try WireReader.read(recordKey) { reader throws(MalformedInput) in
            let user = try reader.text(Int(try reader.int16()))
            let mechanism = try reader.text(Int(try reader.int16()))
            try reader.finish()
            return CredentialName(of: user, mechanism)
        }
    }

    /// A mark is a hash of the credential's salt and iterations, which servers tell everybody who knocks. One of the keys
    /// would let who can read the topic try passwords.
    package static func recordValue(_ marks: Set<[UInt8]>) -> ByteBuffer {
        var writer = WireWriter()
        writer.int16(0)
        for mark in marks.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            writer.int16(Int16(mark.count))
            for byte in mark { writer.int8(Int8(bitPattern: byte)) }
        }
        return writer.buffer()
    }

    package static func marks(recordValue: ByteBuffer) throws(MalformedInput) -> Set<[UInt8]> {
        try WireReader.read(recordValue) { reader throws(MalformedInput) in
            guard try reader.int16() == 0 else { throw MalformedInput(.unsupportedVersion, at: 0) }
            var marks: Set<[UInt8]> = []
            while reader.remaining > 0 {
                var mark: [UInt8] = []
                for _ in 0..<max(0, try reader.int16()) { mark.append(UInt8(bitPattern: try reader.int8())) }
                marks.insert(mark)
            }
            return marks
        }
    }
}
