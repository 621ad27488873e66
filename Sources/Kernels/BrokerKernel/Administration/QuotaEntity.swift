import Controller
import KafkaProtocol

/// Whom a quota is for: a user, a client, both together, or an address (KIP-546, KIP-612). A name of nil is the default
/// of its type.
struct QuotaEntity {
    enum Kind: String, CaseIterable {
        case user
        case clientID = "client-id"
        case address = "ip"
    }

    var names: [Kind: String?]

    /// Its path below `/config`; nil for combinations that there are not.
    var path: String? {
        func part(_ kind: Kind) -> String? { names[kind].map { $0.map(Self.sanitized) ?? TreePath.defaultEntity } }
        switch (part(.user), part(.clientID), part(.address)) {
        case (let user?, let client?, nil): return "users/\(user)/clients/\(client)"
        case (let user?, nil, nil): return "users/\(user)"
        case (nil, let client?, nil): return "clients/\(client)"
        case (nil, nil, let address?): return "ips/\(address)"
        default: return nil
        }
    }

    init(names: [Kind: String?]) { self.names = names }

    /// Reads what ``path`` says.
    init?(path: String) {
        let parts = path.split(separator: "/").map(String.init)
        func name(_ part: String) -> String?? {
            part == TreePath.defaultEntity ? .some(nil) : Self.plain(part).map { .some($0) }
        }
        names = [:]
        switch (parts.first, parts.count) {
        case ("users", 4) where parts[2] == "clients":
            guard let user = name(parts[1]), let client = name(parts[3]) else { return nil }
            names = [.user: user, .clientID: client]
        case ("users", 2), ("clients", 2), ("ips", 2):
            guard let only = name(parts[1]) else { return nil }
            let kind: Kind = parts[0] == "users" ? .user : parts[0] == "clients" ? .clientID : .address
            names.updateValue(only, forKey: kind)
        default: return nil
        }
    }

    /// Quotas that the entity can have: the type of the value decides how Apache's brokers write it.
    var keys: [String: QuotaValue] {
        names[.address] != nil
            ? ["connection_creation_rate": .whole]
            : [
                "producer_byte_rate": .whole, "consumer_byte_rate": .whole, "request_percentage": .decimal,
                "controller_mutation_rate": .decimal,
            ]
    }

    enum QuotaValue {
        case whole
        case decimal
    }

    /// As Apache writes names into the tree: URL encoding, with `*` encoded and spaces as `%20`.
    private static func sanitized(_ name: String) -> String {
        var text = ""
        for byte in name.utf8 {
            if isPlain(byte) {
                text.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let digits = String(byte, radix: 16, uppercase: true)
                text += digits.count == 1 ? "%0" + digits : "%" + digits
            }
        }
        return text
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// nil when `text` is not what ``sanitized(_:)`` gives.
    private static func plain(_ text: String) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let code = UInt8(String(Substring(rest.prefix(2))), radix: 16) else { return nil }
            bytes.append(code)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
