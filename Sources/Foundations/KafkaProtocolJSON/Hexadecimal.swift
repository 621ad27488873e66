import NIOCore

/// Bytes as text, two digits each.
package enum Hexadecimal {
    /// Text that is not hexadecimal.
    package struct Malformed: Error, Equatable, CustomStringConvertible {
        package var description: String
    }

    /// Both cases of letters are read; white space is passed over.
    package static func bytes(of text: some StringProtocol) throws(Malformed) -> ByteBuffer {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count / 2)
        var high: UInt8?
        for (index, character) in text.utf8.enumerated() {
            let digit: UInt8
            switch character {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = character - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = character - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = character - UInt8(ascii: "A") + 10
            case 0x20, 0x09, 0x0a, 0x0d: continue
            default: throw Malformed(description: "no hexadecimal digit at character \(index + 1)")
            }
            if let first = high {
                bytes.append(first << 4 | digit)
                high = nil
            } else {
                high = digit
            }
        }
        guard high == nil else { throw Malformed(description: "an odd number of hexadecimal digits") }
        return ByteBuffer(bytes: bytes)
    }

    /// Lower-case, without spaces.
    package static func text(of bytes: ByteBuffer) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(2 * bytes.readableBytes)
        for byte in bytes.readableBytesView {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }
}
