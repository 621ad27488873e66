/// IP addresses that share their first bits: `10.0.0.0/8`, `fe80::/10`, or a single address.
struct AddressRange {
    private let bytes: [UInt8]
    private let bits: Int

    /// nil for what is no address or range.
    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let bytes = Self.bytes(parts[0]) else { return nil }
        self.bytes = bytes
        guard parts.count == 2 else {
            bits = bytes.count * 8
            return
        }
        guard let bits = Int(parts[1]), (0...bytes.count * 8).contains(bits) else { return nil }
        self.bits = bits
    }

    func contains(_ address: String) -> Bool {
        guard let other = Self.bytes(Substring(address)), other.count == bytes.count else { return false }
        let whole = bits / 8
        guard other[..<whole] == bytes[..<whole] else { return false }
        let rest = bits % 8
        return rest == 0 || (other[whole] ^ bytes[whole]) >> (8 - rest) == 0
    }

    private static func bytes(_ text: Substring) -> [UInt8]? {
        text.contains(":") ? sixteenBytes(text) : fourBytes(text)
    }

    private static func fourBytes(_ text: Substring) -> [UInt8]? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let bytes = parts.compactMap { $0.first?.isNumber == true ? UInt8($0) : nil }
        return parts.count == 4 && bytes.count == 4 ? bytes : nil
    }

    /// Groups of hexadecimal digits, `::` for the zeros that are left out.
    private static func sixteenBytes(_ text: Substring) -> [UInt8]? {
        func groups(_ text: Substring) -> [UInt8]? {
            var bytes: [UInt8] = []
            if text.isEmpty { return bytes }
            for part in text.split(separator: ":", omittingEmptySubsequences: false) {
                if part.contains("."), let four = fourBytes(part) {
                    bytes += four
                } else if part.utf8.count <= 4, let group = UInt16(part, radix: 16), part.first != "+" {
                    bytes += [UInt8(group >> 8), UInt8(group & 0xff)]
                } else {
                    return nil
                }
            }
            return bytes
        }
        guard let gap = text.firstRange(of: "::") else {
            guard let bytes = groups(text), bytes.count == 16 else { return nil }
            return bytes
        }
        guard let head = groups(text[..<gap.lowerBound]), let tail = groups(text[gap.upperBound...]),
            head.count + tail.count <= 14
        else { return nil }
        return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
    }
}
