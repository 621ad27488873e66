import Glibc

/// The bytes of paths, as they are looked up and compared.
extension UnsafeRawBufferPointer {
    /// The same in every process, unlike hash values.
    var lastingHash: UInt64 {
        var hash = UInt64(count) &* 0x9e37_79b9_7f4a_7c15
        var index = 0
        while index + 8 <= count {
            hash = Self.mix(hash ^ UInt64(littleEndian: loadUnaligned(fromByteOffset: index, as: UInt64.self)))
            index += 8
        }
        var rest: UInt64 = 0
        while index < count {
            rest = rest << 8 | UInt64(self[index])
            index += 1
        }
        return Self.mix(hash ^ rest)
    }

    /// Both halves of the product by an odd number without pattern, folded into one.
    private static func mix(_ word: UInt64) -> UInt64 {
        let product = (word ^ 0xd6e8_feb8_6659_fd93).multipliedFullWidth(by: 0xa076_1d64_78bd_642f)
        return product.high ^ product.low
    }

    /// To be asked of as many bytes.
    func hasSameBytes(as other: UnsafeRawBufferPointer) -> Bool {
        guard let mine = baseAddress, let others = other.baseAddress else { return isEmpty }
        return memcmp(mine, others, count) == 0
    }

    /// Whether this comes first in order of the bytes.
    func precedes(_ other: UnsafeRawBufferPointer) -> Bool { order(to: other) < 0 }

    /// Negative when this comes first, 0 for the same bytes.
    func order(to other: UnsafeRawBufferPointer) -> Int {
        if let mine = baseAddress, let others = other.baseAddress {
            let order = memcmp(mine, others, Swift.min(count, other.count))
            if order != 0 { return Int(order) }
        }
        return count - other.count
    }

    /// The path of the node above; nil for the root.
    var parentPath: UnsafeRawBufferPointer? {
        guard count > 1 else { return nil }
        var end = count - 1
        while end > 0, self[end] != UInt8(ascii: "/") { end -= 1 }
        return UnsafeRawBufferPointer(rebasing: self[..<Swift.max(1, end)])
    }

    /// The last element of a path.
    var nodeName: UnsafeRawBufferPointer {
        var start = count
        while start > 0, self[start - 1] != UInt8(ascii: "/") { start -= 1 }
        return UnsafeRawBufferPointer(rebasing: self[start...])
    }

    var string: String { String(decoding: self, as: UTF8.self) }
}

extension String {
    func withPathBytes<Value>(_ body: (UnsafeRawBufferPointer) -> Value) -> Value {
        var string = self
        return string.withUTF8 { body(UnsafeRawBufferPointer($0)) }
    }
}
