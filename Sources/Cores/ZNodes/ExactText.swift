/// Text that equals other text only byte for byte, and is ordered by its bytes.
///
/// Strings of Swift equal each other by canonical equivalence; to ZooKeeper an "é" of one scalar and one of two are two
/// names.
struct ExactText: Sendable, Hashable, Comparable {
    let string: String

    init(_ string: String) { self.string = string }

    static func == (left: ExactText, right: ExactText) -> Bool {
        left.string.utf8.count == right.string.utf8.count && left.order(to: right) == 0
    }

    static func < (left: ExactText, right: ExactText) -> Bool { left.order(to: right) < 0 }

    func hash(into hasher: inout Hasher) {
        withBytes { hasher.combine(bytes: $0) }
    }

    /// The same in every process, unlike the hash value (FNV-1a).
    var lastingHash: UInt64 {
        withBytes { bytes in
            bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
        }
    }

    /// Negative when this comes first, 0 for the same bytes.
    private func order(to other: ExactText) -> Int {
        withBytes { left in
            other.withBytes { right in
                for index in 0..<min(left.count, right.count) where left[index] != right[index] {
                    return Int(left[index]) - Int(right[index])
                }
                return left.count - right.count
            }
        }
    }

    private func withBytes<Value>(_ body: (UnsafeRawBufferPointer) -> Value) -> Value {
        var string = string
        return string.withUTF8 { body(UnsafeRawBufferPointer($0)) }
    }
}
