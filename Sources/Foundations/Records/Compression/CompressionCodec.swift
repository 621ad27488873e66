import NIOCore

/// How a batch's records are compressed; the raw value is what stands in the batch's attributes.
package enum CompressionCodec: UInt8, Sendable, CaseIterable, CustomStringConvertible {
    case none = 0
    case gzip = 1
    case snappy = 2
    case lz4 = 3
    case zstd = 4

    /// What one batch may decompress to when the caller names no limit.
    package static let defaultLimitInBytes = 256 << 20

    /// The name in configuration values such as `compression.type`; nil when it is none of the five.
    package init?(name: some StringProtocol) {
        guard let codec = Self.allCases.first(where: { $0.description == name }) else { return nil }
        self = codec
    }

    /// The name in configuration values.
    package var description: String {
        switch self {
        case .none: "none"
        case .gzip: "gzip"
        case .snappy: "snappy"
        case .lz4: "lz4"
        case .zstd: "zstd"
        }
    }

    /// Appends `bytes`, compressed, to `target`.
    /// - Parameter level: as the codec's library counts; nil, and any level of a codec without levels, is its default.
    package func compress(_ bytes: UnsafeRawBufferPointer, level: Int? = nil, into target: inout ByteBuffer) {
        switch self {
        case .none: target.writeBytes(bytes)
        case .gzip: Gzip.compress(bytes, level: level, into: &target)
        case .snappy: Snappy.compress(bytes, into: &target)
        case .lz4: LZ4.compress(bytes, level: level, into: &target)
        case .zstd: Zstd.compress(bytes, level: level, into: &target)
        }
    }

    /// Appends `bytes`, compressed for a message of magic 0 or 1, to `target`.
    func compress(_ bytes: UnsafeRawBufferPointer, into target: inout ByteBuffer, isMagic0: Bool) {
        let start = target.writerIndex
        compress(bytes, into: &target)
        if self == .lz4, isMagic0 { LZ4.checksumWrongly(&target, at: start) }
    }

    /// The decompressed bytes. Snappy is read raw and in the xerial framing.
    /// - Parameters:
    ///   - limit: refuse what would decompress to more bytes.
    ///   - isOldFormat: whether the bytes are of magic 0 or 1, whose lz4 header checksums may be wrong (KIP-57).
    /// - Throws: `.corruptCompression`, `.tooLarge`.
    package func decompress(
        _ bytes: ByteBuffer, limit: Int = defaultLimitInBytes, isOldFormat: Bool = false
    ) throws(InvalidRecords) -> ByteBuffer {
        guard let decoder = makeDecoder() else { return bytes }
        let input = isOldFormat && self == .lz4 ? LZ4.checksummedRightly(bytes) : bytes
        return try input.withBytes { raw throws(InvalidRecords) in
            try decompressStream(raw, limit: limit, with: decoder)
        }
    }
}
