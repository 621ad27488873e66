import CRC32C

/// The CRC-32C (Castagnoli) of `bytes`, or, with the CRC of what came before them, of both together.
package func crc32c(_ bytes: UnsafeRawBufferPointer, after before: UInt32 = 0) -> UInt32 {
    martlet_crc32c(before, bytes.baseAddress, bytes.count)
}

/// The CRC-32C of a text, part of which was replaced by as many other bytes, without reading the rest.
///
/// - Parameters:
///   - crc: of the whole old text.
///   - old: the CRC of the old text up to and including the replaced part.
///   - new: the CRC of the new text up to the same place.
///   - count: the bytes that follow that place, the same in both.
package func crc32c(_ crc: UInt32, replacing old: UInt32, with new: UInt32, followedBy count: Int) -> UInt32 {
    crc ^ martlet_crc32c_shift(old ^ new, UInt64(count))
}
