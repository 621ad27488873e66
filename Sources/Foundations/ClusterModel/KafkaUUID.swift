/// A 128-bit id as Apache Kafka uses it for topics and directories; its text is URL-safe base64 without padding.
package struct KafkaUUID: Sendable, Hashable, Comparable, CustomStringConvertible {
    package var high: UInt64
    package var low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// All bits zero: no id.
    package static let zero = KafkaUUID(high: 0, low: 0)

    /// A random id (version 4) drawn from `generator`; its text never starts with `-` (KIP-516).
    package static func random(using generator: inout some RandomNumberGenerator) -> KafkaUUID {
        while true {
            let high = (generator.next() & 0xffff_ffff_ffff_0fff) | 0x4000
            let low = (generator.next() & 0x3fff_ffff_ffff_ffff) | 0x8000_0000_0000_0000
            let id = KafkaUUID(high: high, low: low)
            if !id.description.hasPrefix("-") { return id }
        }
    }

    package static func < (left: KafkaUUID, right: KafkaUUID) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }

    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// 22 characters of URL-safe base64.
    package var description: String {
        var characters: [UInt8] = []
        characters.reserveCapacity(22)
        for index in 0..<22 { characters.append(Self.alphabet[sextet(index)]) }
        return String(decoding: characters, as: UTF8.self)
    }

    /// Six bits at place `index`, from the front; the last place has only two, padded with zeros.
    private func sextet(_ index: Int) -> Int {
        let end = 6 * index + 6
        let bits: UInt64 =
            if end <= 64 {
                high >> UInt64(64 - end)
            } else if end > 128 {
                low << UInt64(end - 128)
            } else if end < 70 {
                high << UInt64(end - 64) | low >> UInt64(128 - end)
            } else {
                low >> UInt64(128 - end)
            }
        return Int(bits & 63)
    }

    /// Reads the 22-character text form; nil when `text` is not one.
    package init?(_ text: String) {
        let characters = Array(text.utf8)
        guard characters.count == 22 else { return nil }
        var high: UInt64 = 0
        var low: UInt64 = 0
        for (index, character) in characters.enumerated() {
            guard let place = Self.alphabet.firstIndex(of: character) else { return nil }
            let value = UInt64(place)
            if index == 21 {
                guard value & 15 == 0 else { return nil }
                high = high << 2 | low >> 62
                low = low << 2 | value >> 4
            } else {
                high = high << 6 | low >> 58
                low = low << 6 | value
            }
        }
        self.init(high: high, low: low)
    }
}
