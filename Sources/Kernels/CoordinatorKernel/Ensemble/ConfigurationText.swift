import Quorum
import ZNodes

/// The text of an ensemble, as `/zookeeper/config` shows it and files of Apache ZooKeeper have it: a line `server.N=…` a
/// member, `group.G=N:N…` and `weight.N=W` where there are any, and `version=` with a hexadecimal zxid.
extension Membership {
    package var configurationText: String {
        var lines = members.map { "server.\($0.id)=\($0.address)" }
        for group in Set(members.compactMap(\.group)).sorted() {
            let ids = members.filter { $0.group == group }.map(\.id.description)
            lines.append("group.\(group)=\(ids.joined(separator: ":"))")
        }
        for member in members where member.weight != 1 { lines.append("weight.\(member.id)=\(member.weight)") }
        lines.append("version=\(String(version, radix: 16))")
        return lines.joined(separator: "\n")
    }

    /// - Throws: a sentence about the first line that makes no sense.
    package init(configurationText text: String) throws(ConfigurationFault) {
        var members: [MemberID: Member] = [:]
        var groups: [MemberID: Int64] = [:]
        var weights: [MemberID: Int] = [:]
        var version: Int64 = 0
        for line in text.split(whereSeparator: { $0 == "\n" || $0 == "," }) {
            guard let equals = line.firstIndex(of: "=") else { throw ConfigurationFault("'\(line)' has no '='") }
            let (key, value) = (line[..<equals], line[line.index(after: equals)...])
            if key == "version" {
                guard let number = Int64(value, radix: 16) else { throw ConfigurationFault("'\(line)' is no zxid") }
                version = number
                continue
            }
            let parts = key.split(separator: ".", omittingEmptySubsequences: false)
            guard parts.count == 2, let number = Int64(parts[1]), number >= 0 else {
                throw ConfigurationFault("'\(line)' names no member")
            }
            switch parts[0] {
            case "server":
                guard (0...255).contains(number) else { throw ConfigurationFault("\(key): ids go from 0 to 255") }
                members[MemberID(number)] = try Member(MemberID(number), line: value)
            case "weight":
                guard let weight = Int(value), weight >= 0 else { throw ConfigurationFault("'\(line)' is no weight") }
                weights[MemberID(number)] = weight
            case "group":
                for id in value.split(separator: ":") {
                    guard let id = Int64(id) else { throw ConfigurationFault("'\(line)' names no members") }
                    groups[MemberID(id)] = number
                }
            default: throw ConfigurationFault("'\(line)' is nothing of an ensemble")
            }
        }
        for (id, weight) in weights { members[id]?.weight = weight }
        for (id, group) in groups { members[id]?.group = group }
        self.init(Array(members.values), version: version)
    }

    /// The ensemble that the tree shows; nil for a tree that has never been an ensemble's.
    init?(shownBy state: TreeState) {
        guard !state.configuration.isEmpty else { return nil }
        self.init(trusting: state.configuration)
    }

    /// The ensemble of a text that a leader has written.
    init(trusting text: String) {
        do throws(ConfigurationFault) {
            try self.init(configurationText: text)
        } catch {
            preconditionFailure("a text of an ensemble that no leader writes: \(error): \(text)")
        }
    }
}

extension Membership.Member {
    /// - Parameter line: `host:port:port[:participant|observer][;[address:]port]`
    init(_ id: MemberID, line: Substring) throws(ConfigurationFault) {
        let server = line.split(separator: ";", omittingEmptySubsequences: false)[0]
        guard server.contains(":") else { throw ConfigurationFault("server.\(id): '\(line)' has no ports") }
        self.init(id: id, isVoter: !server.lowercased().hasSuffix(":observer"), address: String(line))
    }
}

/// Why a text is no ensemble's, as a sentence.
package struct ConfigurationFault: Error, Sendable, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
