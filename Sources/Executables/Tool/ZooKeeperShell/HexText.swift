/// Bytes as a table of their values and characters, sixteen a line.
enum HexText {
    private static let border = "         +-------------------------------------------------+"
    private static let rule = "+--------+-------------------------------------------------+----------------+"

    static func lines(_ bytes: [UInt8]) -> [String] {
        if bytes.isEmpty { return [] }
        var lines = [border, "         |  0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f |", rule]
        for start in stride(from: 0, to: bytes.count, by: 16) {
            let row = bytes[start..<min(start + 16, bytes.count)]
            let values = row.map { " " + padded(String($0, radix: 16), 2) }.joined()
            let characters = row.map { (0x20..<0x7f).contains($0) ? String(UnicodeScalar($0)) : "." }.joined()
            let offset = padded(String(start, radix: 16), 8)
            lines.append("|\(offset)|\(filled(values, 48)) |\(filled(characters, 16))|")
        }
        return lines + [rule]
    }

    private static func padded(_ digits: String, _ width: Int) -> String {
        String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }

    private static func filled(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: width - text.utf8.count)
    }
}
