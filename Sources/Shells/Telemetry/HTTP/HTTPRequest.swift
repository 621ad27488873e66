/// What a client asks for.
package struct HTTPRequest: Sendable, Equatable {
    /// In capitals.
    package var method: String
    /// Decoded, without the query.
    package var path: String
    /// Of the query, decoded; the first of each name.
    package var arguments: [String: String] = [:]
    /// The header of that name.
    package var authorization: String?
    /// Likewise; nil for none.
    package var contentType: String?
    /// The client's address.
    package var host = ""
    /// Of the client's verified certificate; nil for none.
    package var subject: String?

    /// - Parameter target: as the request line has it.
    package init(method: String, target: String, authorization: String? = nil) {
        self.method = method
        self.authorization = authorization
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = Self.decoded(parts.first ?? "")
        for argument in parts.dropFirst().first?.split(separator: "&") ?? [] {
            let pair = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = Self.decoded(pair[0], plusIsSpace: true)
            let value = pair.count > 1 ? Self.decoded(pair[1], plusIsSpace: true) : ""
            if arguments[name] == nil { arguments[name] = value }
        }
    }

    /// Resolves `%XX`; what is no such escape stays as it is.
    private static func decoded(_ text: Substring, plusIsSpace: Bool = false) -> String {
        var bytes: [UInt8] = []
        var rest = Substring(text).utf8
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2, let high = hexadecimal(rest.first),
                let low = hexadecimal(rest.dropFirst().first)
            {
                bytes.append(high << 4 | low)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(plusIsSpace && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func hexadecimal(_ byte: UInt8?) -> UInt8? {
        switch byte {
        case .some(let byte) where (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte): byte - UInt8(ascii: "0")
        case .some(let byte) where (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte): byte - UInt8(ascii: "a") + 10
        case .some(let byte) where (UInt8(ascii: "A")...UInt8(ascii: "F")).contains(byte): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

/// What a client is answered.
package struct HTTPAnswer: Sendable {
    package var status: Int
    package var contentType: String
    /// Besides those that type and length of the body make, in order.
    package var headers: [(String, String)]
    package var body: String

    package init(status: Int = 200, contentType: String, headers: [(String, String)] = [], body: String) {
        self.status = status
        self.contentType = contentType
        self.headers = headers
        self.body = body
    }

    package static let notFound = HTTPAnswer(status: 404, contentType: "text/plain", body: "Not Found\n")
    package static let methodNotAllowed = HTTPAnswer(
        status: 405, contentType: "text/plain", body: "Method Not Allowed\n")
}
