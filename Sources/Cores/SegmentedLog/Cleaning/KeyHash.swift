/// 128 bits that stand for a record's key: SipHash-2-4 with a secret, so that nobody can make two keys meet.
struct KeyHash: Equatable {
    /// What keeps hashes from being foreseen; any value does.
    struct Secret: Sendable {
        var first: UInt64
        var second: UInt64

        init(_ first: UInt64, _ second: UInt64) {
            self.first = first
            self.second = second
        }
    }

    var high: UInt64
    var low: UInt64

    init(_ key: UnsafeRawBufferPointer, _ secret: Secret) {
        var state = SipState(secret)
        var position = 0
        while key.count - position >= 8 {
            state.take(UInt64(littleEndian: key.loadUnaligned(fromByteOffset: position, as: UInt64.self)))
            position += 8
        }
        var last = UInt64(truncatingIfNeeded: key.count) << 56
        for place in position..<key.count { last |= UInt64(key[place]) << UInt64(8 * (place - position)) }
        state.take(last)
        state.c ^= 0xee
        for _ in 0..<4 { state.turn() }
        high = state.folded
        state.b ^= 0xdd
        for _ in 0..<4 { state.turn() }
        low = state.folded
    }
}

/// The four words of SipHash.
private struct SipState {
    var a: UInt64
    var b: UInt64
    var c: UInt64
    var d: UInt64

    init(_ secret: KeyHash.Secret) {
        a = 0x736f_6d65_7073_6575 ^ secret.first
        // The last byte tells the variant with 128 bits from the one with 64.
        b = 0x646f_7261_6e64_6f6d ^ secret.second ^ 0xee
        c = 0x6c79_6765_6e65_7261 ^ secret.first
        d = 0x7465_6462_7974_6573 ^ secret.second
    }

    var folded: UInt64 { a ^ b ^ c ^ d }

    mutating func take(_ word: UInt64) {
        d ^= word
        turn()
        turn()
        a ^= word
    }

    mutating func turn() {
        a &+= b
        c &+= d
        b = rotated(b, 13) ^ a
        d = rotated(d, 16) ^ c
        a = rotated(a, 32)
        c &+= b
        a &+= d
        b = rotated(b, 17) ^ c
        d = rotated(d, 21) ^ a
        c = rotated(c, 32)
    }

    private func rotated(_ value: UInt64, _ by: UInt64) -> UInt64 { value << by | value >> (64 - by) }
}
