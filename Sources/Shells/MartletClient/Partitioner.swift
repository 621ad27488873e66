import NIOCore

/// Chooses partitions as Apache Kafka's producers do, so that a key finds the partition where others have put it.
package struct Partitioner {
    /// Bytes that go to one partition before keyless records move on to another (KIP-794).
    let stickyBytes: Int
    private var sticky: [String: (partition: Int32, bytes: Int)] = [:]

    package init(stickyBytes: Int) { self.stickyBytes = stickyBytes }

    /// The partition of a record with a key.
    static func partition(of key: ByteBuffer, count: Int32) -> Int32 {
        Int32(bitPattern: murmur2(key) & 0x7fff_ffff) % count
    }

    /// The partition of a record that has none; `size` is the record's in bytes.
    package mutating func partition(topic: String, key: ByteBuffer?, size: Int, count: Int32) -> Int32 {
        if let key { return Self.partition(of: key, count: count) }
        var place = sticky[topic] ?? (Int32.random(in: 0..<count), 0)
        if place.bytes >= stickyBytes || place.partition >= count {
            place = (Int32.random(in: 0..<count), 0)
        }
        place.bytes += size
        sticky[topic] = place
        return place.partition
    }

    /// MurmurHash2 with Apache Kafka's seed.
    static func murmur2(_ key: ByteBuffer) -> UInt32 {
        key.withUnsafeReadableBytes { bytes in
            let multiplier: UInt32 = 0x5bd1_e995
            var hash = 0x9747_b28c ^ UInt32(truncatingIfNeeded: bytes.count)
            let wordsEnd = bytes.count & ~3
            for position in stride(from: 0, to: wordsEnd, by: 4) {
                var word = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self))
                word &*= multiplier
                word ^= word >> 24
                hash = (hash &* multiplier) ^ (word &* multiplier)
            }
            if wordsEnd < bytes.count {
                for position in (wordsEnd..<bytes.count).reversed() {
                    hash ^= UInt32(bytes[position]) << UInt32(8 * (position - wordsEnd))
                }
                hash &*= multiplier
            }
            hash ^= hash >> 13
            hash &*= multiplier
            return hash ^ hash >> 15
        }
    }
}
