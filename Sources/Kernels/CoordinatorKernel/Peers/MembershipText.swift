import Quorum

/// Collects the lines that describe an ensemble: `server.N`, `group.N`, `weight.N` and `version`, in any order.
package struct MembershipLines: Sendable {
    /// Names of members: the highest byte of a session id tells who opened it.
    package static let memberNumbers: ClosedRange<Int64> = 0...255

    private var servers: [MemberID: Membership.Member] = [:]
    private var groups: [Int64: [MemberID]] = [:]
    private var weights: [MemberID: Int] = [:]
    private var version: Int64 = 0

    package init() {}

    package var isEmpty: Bool { servers.isEmpty && groups.isEmpty && weights.isEmpty }

    /// Whether `key` is one of these lines'.
    package static func know(_ key: String) -> Bool {
        key == "version" || ["server.", "group.", "weight."].contains { key.hasPrefix($0) }
    }

    /// Takes one line; `key` is one that is known.
    package mutating func add(_ key: String, _ value: String) throws(InvalidMembership) {
        if key == "version" {
            guard let version = UInt64(value.trimmed, radix: 16), !value.contains("+") else {
                throw InvalidMembership("version=\(value) is no hexadecimal number")
            }
            self.version = Int64(bitPattern: version)
            return
        }
        let parts = key.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let number = parts[1].digits.map(Int64.init) else {
            throw InvalidMembership("\(key): behind the dot belongs a number")
        }
        switch parts[0] {
        case "server": try addServer(number, value)
        case "group": try addGroup(number, value)
        default:
            guard let weight = value.trimmed.digits, weight <= Int32.max else {
                throw InvalidMembership("\(key)=\(value): a weight is a whole number, 0 or more")
            }
            weights[MemberID(number)] = weight
        }
    }

    private mutating func addServer(_ number: Int64, _ value: String) throws(InvalidMembership) {
        let server = try Membership.Member(MemberID(number), configurationText: value)
        guard servers.updateValue(server, forKey: server.id) == nil else {
            throw InvalidMembership("server.\(number) stands twice")
        }
    }

    private mutating func addGroup(_ number: Int64, _ value: String) throws(InvalidMembership) {
        var members: [MemberID] = []
        for text in value.split(separator: ":", omittingEmptySubsequences: false) {
            guard let member = text.trimmed.digits else {
                throw InvalidMembership("group.\(number)=\(value): belongs numbers of servers with ':' between them")
            }
            members.append(MemberID(Int64(member)))
        }
        guard groups.updateValue(members, forKey: number) == nil else {
            throw InvalidMembership("group.\(number) stands twice")
        }
    }

    /// What all lines together describe.
    package func membership() throws(InvalidMembership) -> Membership {
        var members = servers
        for (id, weight) in weights.sorted(by: { $0.key < $1.key }) {
            guard members[id] != nil else { throw InvalidMembership("weight.\(id) is of no server.\(id)") }
            members[id]?.weight = weight
        }
        for (group, ids) in groups.sorted(by: { $0.key < $1.key }) {
            for id in ids {
                guard let member = members[id] else {
                    throw InvalidMembership("group.\(group) names \(id), and there is no server.\(id)")
                }
                if let other = member.group {
                    throw InvalidMembership(
                        "server.\(id) stands in group.\(min(other, group)) and group.\(max(other, group))")
                }
                members[id]?.group = group
            }
        }
        let membership = Membership(Array(members.values), version: version)
        try Self.check(membership)
        return membership
    }

    private static func check(_ membership: Membership) throws(InvalidMembership) {
        let voters = membership.members.filter(\.isVoter)
        guard !voters.isEmpty else { throw InvalidMembership("an ensemble needs a participant") }
        if voters.contains(where: { $0.group != nil }), let alone = voters.first(where: { $0.group == nil }) {
            throw InvalidMembership("server.\(alone.id) stands in no group, others do")
        }
        guard voters.contains(where: { $0.weight > 0 }) else {
            throw InvalidMembership("no participant has a weight above 0")
        }
        var owners: [String: MemberID] = [:]
        for member in membership.members {
            for endpoint in try MemberAddress(member.address).endpoints {
                for port in [endpoint.quorumPort, endpoint.electionPort] {
                    let place = "\(endpoint.host):\(port)"
                    guard let owner = owners.updateValue(member.id, forKey: place) else { continue }
                    throw InvalidMembership(
                        owner == member.id
                            ? "server.\(member.id) uses \(place) for two purposes"
                            : "server.\(owner) and server.\(member.id) are both on \(place)")
                }
            }
        }
    }
}

extension Membership {
    /// Reads an ensemble as `/zookeeper/config`, a dynamic configuration file or the new members of a `reconfig`
    /// describe it: lines, or the same with commas between them.
    package init(configurationText text: String) throws(InvalidMembership) {
        var lines = MembershipLines()
        for line in text.split(whereSeparator: { $0.isNewline || $0 == "," }) where !line.trimmed.isEmpty {
            let (key, value) = try Self.keyAndValue(line)
            guard MembershipLines.know(key) else { throw InvalidMembership("\(key) says nothing about an ensemble") }
            try lines.add(key, value)
        }
        self = try lines.membership()
    }

    fileprivate static func keyAndValue(_ line: Substring) throws(InvalidMembership) -> (key: String, value: String) {
        let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { throw InvalidMembership("'\(line)' is no key=value") }
        return (String(parts[0].trimmed), String(parts[1].trimmed))
    }

    /// As `/zookeeper/config` shows it: a line each, the version last and in hexadecimal, no line end behind it.
    package var configurationText: String {
        var lines = members.map(\.configurationLine)
        let groups = Dictionary(grouping: members.filter { $0.group != nil }) { $0.group ?? 0 }
        for (group, members) in groups.sorted(by: { $0.key < $1.key }) {
            lines.append("group.\(group)=\(members.map { "\($0.id)" }.joined(separator: ":"))")
        }
        if members.contains(where: { $0.group != nil || $0.weight != 1 }) {
            lines += members.map { "weight.\($0.id)=\($0.weight)" }
        }
        lines.append("version=\(String(UInt64(bitPattern: version), radix: 16))")
        return lines.joined(separator: "\n")
    }
}

extension Membership.Member {
    /// Reads what stands behind `server.N=`; without a role it is a participant.
    package init(_ id: MemberID, configurationText: String) throws(InvalidMembership) {
        guard MembershipLines.memberNumbers.contains(id.number) else {
            throw InvalidMembership("server.\(id): servers are numbered 0 to 255", isOursAlone: id.number > 255)
        }
        let (address, role) = try MemberAddress.parse(configurationText)
        self.init(id: id, isVoter: role != .observer, address: address.description)
    }

    /// Reads `server.N=…`, as it stands among the joining members of a `reconfig`.
    package init(configurationLine line: String) throws(InvalidMembership) {
        let (key, value) = try Membership.keyAndValue(line[...])
        guard key.hasPrefix("server."), let number = key.dropFirst("server.".count).digits else {
            throw InvalidMembership("'\(line)' is no server.N=address")
        }
        try self.init(MemberID(Int64(number)), configurationText: value)
    }

    package var configurationLine: String {
        let role = isVoter ? MemberAddress.Role.participant : .observer
        // The role stands behind the ports, before where clients are served.
        let end = address.firstIndex(of: ";") ?? address.endIndex
        return "server.\(id)=\(address[..<end]):\(role.rawValue)\(address[end...])"
    }
}
