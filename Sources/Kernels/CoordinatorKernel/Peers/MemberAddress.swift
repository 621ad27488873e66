/// Where a member is found: what stands behind `server.N=`, without the role.
///
/// As text `host:quorumPort:electionPort`, several of these with `|` between them for a machine with several networks,
/// and `;clientHost:clientPort` when the line says where clients are served. IPv6 addresses stand in brackets.
package struct MemberAddress: Sendable, Hashable {
    /// One way to it.
    package struct Endpoint: Sendable, Hashable {
        /// A name or an address, without brackets.
        package var host: String
        /// Where entries are taken, 1…65535.
        package var quorumPort: Int
        /// Where votes and heartbeats are taken, 1…65535.
        package var electionPort: Int

        package init(host: String, quorumPort: Int, electionPort: Int) {
            self.host = host
            self.quorumPort = quorumPort
            self.electionPort = electionPort
        }
    }

    package struct ClientEndpoint: Sendable, Hashable {
        package var host: String
        /// 1…65535
        package var port: Int

        package init(host: String, port: Int) {
            self.host = host
            self.port = port
        }
    }

    /// At least one; best first.
    package var endpoints: [Endpoint]
    /// Where it serves clients, if the ensemble's configuration says so.
    package var client: ClientEndpoint?

    package init(_ endpoints: [Endpoint], client: ClientEndpoint? = nil) {
        precondition(!endpoints.isEmpty, "a member without an address")
        self.endpoints = endpoints
        self.client = client
    }

    /// Reads an address without a role.
    package init(_ text: String) throws(InvalidMembership) {
        let (address, role) = try Self.parse(text)
        guard role == nil else { throw InvalidMembership("'\(text)' has a role where only an address belongs") }
        self = address
    }

    /// Reads what stands behind `server.N=`; the role is nil when the text is silent about it.
    static func parse(_ text: String) throws(InvalidMembership) -> (MemberAddress, Role?) {
        let halves = text.split(separator: ";", omittingEmptySubsequences: false).map { $0.trimmed }
        guard halves.count <= 2 else { throw InvalidMembership("'\(text)' has more than one ';'") }
        var endpoints: [Endpoint] = []
        var role: Role?
        for part in halves[0].split(separator: "|", omittingEmptySubsequences: false) {
            let fields = try Self.fields(of: part.trimmed, in: text)
            guard (3...4).contains(fields.count), !fields[0].isEmpty else {
                throw InvalidMembership(
                    "'\(text)' is not host:quorumPort:electionPort[:role][;[clientHost:]clientPort]")
            }
            endpoints.append(
                Endpoint(
                    host: fields[0], quorumPort: try port(fields[1], in: text),
                    electionPort: try port(fields[2], in: text)))
            guard fields.count == 4 else { continue }
            guard let named = Role(rawValue: fields[3].lowercased()), role == nil || role == named else {
                throw InvalidMembership("'\(text)': the role has to be participant or observer, not '\(fields[3])'")
            }
            role = named
        }
        return (MemberAddress(endpoints, client: halves.count == 2 ? try client(halves[1], in: text) : nil), role)
    }

    private static func client(_ half: Substring, in text: String) throws(InvalidMembership) -> ClientEndpoint {
        let fields = try fields(of: half, in: text)
        switch fields.count {
        case 1: return ClientEndpoint(host: "0.0.0.0", port: try port(fields[0], in: text))
        case 2 where !fields[0].isEmpty: return ClientEndpoint(host: fields[0], port: try port(fields[1], in: text))
        default: throw InvalidMembership("'\(text)': behind ';' belongs [clientHost:]clientPort")
        }
    }

    /// What stands between colons; brackets around the first field keep its colons and are taken off.
    private static func fields(of part: Substring, in text: String) throws(InvalidMembership) -> [String] {
        guard part.first == "[" else {
            return part.split(separator: ":", omittingEmptySubsequences: false).map { String($0.trimmed) }
        }
        guard let end = part.firstIndex(of: "]") else { throw InvalidMembership("'\(text)' lacks a ']'") }
        let rest = part[part.index(after: end)...]
        guard rest.first == ":" else { throw InvalidMembership("'\(text)': behind ']' belongs a port") }
        let host = String(part[part.index(after: part.startIndex)..<end])
        return [host]
            + rest.dropFirst().split(separator: ":", omittingEmptySubsequences: false).map { String($0.trimmed) }
    }

    private static func port(_ field: String, in text: String) throws(InvalidMembership) -> Int {
        guard let port = field.digits, (1...65535).contains(port) else {
            throw InvalidMembership("'\(text)': '\(field)' is no port; ports are 1 to 65535")
        }
        return port
    }
}

extension MemberAddress: CustomStringConvertible {
    package var description: String {
        let ways = endpoints.map { "\(Self.bracketed($0.host)):\($0.quorumPort):\($0.electionPort)" }
        var text = ways.joined(separator: "|")
        if let client { text += ";\(Self.bracketed(client.host)):\(client.port)" }
        return text
    }

    private static func bracketed(_ host: String) -> String { host.contains(":") ? "[\(host)]" : host }

    /// Whether a member votes.
    enum Role: String {
        case participant
        case observer
    }
}

/// Text that describes no ensemble, in a sentence.
package struct InvalidMembership: Error, Sendable, Equatable, CustomStringConvertible {
    package var description: String
    /// Whether Apache ZooKeeper would take it.
    var isOursAlone = false

    init(_ description: String, isOursAlone: Bool = false) {
        self.description = description
        self.isOursAlone = isOursAlone
    }
}

extension StringProtocol {
    /// Without white space at both ends.
    var trimmed: SubSequence {
        guard let first = firstIndex(where: { !$0.isWhitespace }), let last = lastIndex(where: { !$0.isWhitespace })
        else { return self[startIndex..<startIndex] }
        return self[first...last]
    }

    /// The number that these decimal digits make, without sign; nil for anything else.
    var digits: Int? { allSatisfy { $0.isASCII && $0.isNumber } ? Int(self) : nil }
}
