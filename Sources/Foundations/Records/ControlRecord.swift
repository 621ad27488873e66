import NIOCore
import WireCoding

/// What a record of a control batch says.
package enum ControlRecord: Sendable, Equatable {
    /// A transaction ended (KIP-98). The epoch is that of the transaction coordinator that decided.
    case endTransaction(isCommit: Bool, coordinatorEpoch: Int32)
    /// A raft leader took over (KIP-595).
    case leaderChange
    /// A type of another version.
    case unknown(type: Int16)

    /// - Throws: `.malformedControlRecord`.
    package init(_ record: Record) throws(InvalidRecords) {
        do {
            let (version, type) = try WireReader.read(record.key ?? ByteBuffer()) { reader throws(MalformedInput) in
                (try reader.int16(), try reader.int16())
            }
            guard version >= 0 else { throw MalformedInput(.unsupportedVersion, at: 0) }
            switch type {
            case 0, 1:
                let epoch = try WireReader.read(record.value ?? ByteBuffer()) { reader throws(MalformedInput) in
                    guard try reader.int16() >= 0 else { throw MalformedInput(.unsupportedVersion, at: 0) }
                    return try reader.int32()
                }
                self = .endTransaction(isCommit: type == 1, coordinatorEpoch: epoch)
            case 2: self = .leaderChange
            default: self = .unknown(type: type)
            }
        } catch {
            throw .malformedControlRecord
        }
    }

    /// The key and value of a record that marks the end of a transaction.
    package static func endTransactionMarker(
        isCommit: Bool, coordinatorEpoch: Int32
    ) -> (key: ByteBuffer, value: ByteBuffer) {
        var key = WireWriter(capacity: 4)
        key.int16(0)
        key.int16(isCommit ? 1 : 0)
        var value = WireWriter(capacity: 6)
        value.int16(0)
        value.int32(coordinatorEpoch)
        return (key.buffer(), value.buffer())
    }
}
