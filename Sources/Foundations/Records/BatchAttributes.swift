/// The attribute bits of a batch (KIP-98), or of a message of the older formats in their lowest eight bits.
package struct BatchAttributes: Sendable, Equatable {
    package var bits: UInt16

    package init(bits: UInt16) { self.bits = bits }

    package init(
        codec: CompressionCodec = .none, timestampType: TimestampType = .createTime, isTransactional: Bool = false,
        isControl: Bool = false
    ) {
        bits = UInt16(codec.rawValue)
        self.timestampType = timestampType
        self.isTransactional = isTransactional
        self.isControl = isControl
    }

    /// The three bits of the codec, known or not.
    package var codecBits: UInt8 { UInt8(truncatingIfNeeded: bits & 0x07) }
    /// nil when the bits name no codec; cannot be set to nil.
    package var codec: CompressionCodec? {
        get { CompressionCodec(rawValue: codecBits) }
        set { if let newValue { bits = bits & ~0x07 | UInt16(newValue.rawValue) } }
    }

    package var timestampType: TimestampType {
        get { bits & 0x08 == 0 ? .createTime : .logAppendTime }
        set { bits = newValue == .createTime ? bits & ~0x08 : bits | 0x08 }
    }
    package var isTransactional: Bool {
        get { bits & 0x10 != 0 }
        set { bits = newValue ? bits | 0x10 : bits & ~0x10 }
    }
    /// Whether the batch holds markers of the brokers and no records of producers.
    package var isControl: Bool {
        get { bits & 0x20 != 0 }
        set { bits = newValue ? bits | 0x20 : bits & ~0x20 }
    }
    /// Whether the base timestamp is the time from which on a cleaner may drop tombstones (KIP-534).
    package var hasDeleteHorizon: Bool {
        get { bits & 0x40 != 0 }
        set { bits = newValue ? bits | 0x40 : bits & ~0x40 }
    }
}

/// Who stamped the records: their producer, or the broker that appended them.
package enum TimestampType: UInt8, Sendable {
    case createTime = 0
    case logAppendTime = 1
}
