/// MurmurHash3 of 128 bits for 64-bit machines (Austin Appleby's, in the public domain), with seed 0: quick, and blind
/// to nothing but malice.
enum Murmur128 {
    private static let first: UInt64 = 0x87c3_7b91_1142_53d5
    private static let second: UInt64 = 0x4cf5_ad43_2745_937f

    /// - Parameter cleared: bits of the second eight bytes, read as little-endian, that count as zero.
    /// - Returns: the first half of the hash in the high bits.
    static func hash(_ bytes: UnsafeRawBufferPointer, clearing cleared: UInt64 = 0) -> UInt128 {
        var (h1, h2): (UInt64, UInt64) = (0, 0)
        var mask = ~cleared
        let whole = bytes.count & ~15
        var position = 0
        while position < whole {
            let k1 = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
            let k2 = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position + 8, as: UInt64.self)) & mask
            h1 ^= scrambled(k1)
            h1 = (rotated(h1, 27) &+ h2) &* 5 &+ 0x52dc_e729
            h2 ^= otherwiseScrambled(k2)
            h2 = (rotated(h2, 31) &+ h1) &* 5 &+ 0x3849_5ab5
            mask = .max
            position += 16
        }
        var (k1, k2): (UInt64, UInt64) = (0, 0)
        for place in position..<bytes.count {
            let shift = UInt64((place - position) & 7) * 8
            if place - position < 8 { k1 |= UInt64(bytes[place]) << shift } else { k2 |= UInt64(bytes[place]) << shift }
        }
        h1 ^= scrambled(k1)
        h2 ^= otherwiseScrambled(k2 & mask)
        h1 ^= UInt64(bytes.count)
        h2 ^= UInt64(bytes.count)
        h1 &+= h2
        h2 &+= h1
        h1 = finished(h1)
        h2 = finished(h2)
        h1 &+= h2
        h2 &+= h1
        return UInt128(h1) << 64 | UInt128(h2)
    }

    private static func rotated(_ value: UInt64, _ count: UInt64) -> UInt64 {
        value &<< count | value &>> (64 &- count)
    }

    private static func scrambled(_ value: UInt64) -> UInt64 { rotated(value &* first, 31) &* second }

    private static func otherwiseScrambled(_ value: UInt64) -> UInt64 { rotated(value &* second, 33) &* first }

    private static func finished(_ value: UInt64) -> UInt64 {
        var value = (value ^ value &>> 33) &* 0xff51_afd7_ed55_8ccd
        value = (value ^ value &>> 33) &* 0xc4ce_b9fe_1a85_ec53
        return value ^ value &>> 33
    }
}
