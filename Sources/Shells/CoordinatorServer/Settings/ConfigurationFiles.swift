import CoordinatorKernel
import Glibc
import Platform
import Quorum
import Seams
import Settings

/// The files that tell a member which ensemble it belongs to: its `zoo.cfg`, and beside it `zoo.cfg.dynamic.V` for the
/// ensemble of version V (hexadecimal), as Apache ZooKeeper writes them.
struct ConfigurationFiles: Sendable {
    /// Of the `zoo.cfg`, absolute.
    let path: String
    /// Whether the server lines leave `zoo.cfg` without a copy of it, `zoo.cfg.bak`.
    let skipsBackup: Bool
    private let fileSystem = PosixFileSystem()

    init(path: String, skipsBackup: Bool) {
        self.skipsBackup = skipsBackup
        guard !path.hasPrefix("/"), let directory = getcwd(nil, 0) else {
            self.path = path
            return
        }
        defer { free(directory) }
        self.path = "\(String(cString: directory))/\(path)"
    }

    /// The file for the ensemble of this version.
    func dynamicPath(_ version: Int64) -> String {
        "\(path).dynamic.\(String(UInt64(bitPattern: version), radix: 16))"
    }

    /// Writes down which ensemble there is, for the next start. Nothing is touched when the files say so already.
    ///
    /// - Throws: `FileSystemError`, `UnreadableSettings`. `zoo.cfg` then names the ensemble that it named before.
    func write(_ membership: Membership, own: MemberID) throws {
        let target = dynamicPath(membership.version)
        let members = Self.dynamicText(membership)
        let current = try PropertiesFile.text(reading: path)
        let next = Self.staticText(current, naming: target, erasesClientPort: membership.namesClientPort(of: own))
        let isWritten = try fileSystem.attributes(target) != nil && PropertiesFile.text(reading: target) == members
        if !isWritten { try fileSystem.replace(target, by: members) }
        guard current != next else { return }
        if !skipsBackup, PropertiesFile(path: path, text: current).entries.contains(where: Self.isMemberLine) {
            try fileSystem.replace(path + ".bak", by: current, like: path)
        }
        try fileSystem.replace(path, by: next)
    }

    /// The version is the file's name.
    static func dynamicText(_ membership: Membership) -> String {
        membership.configurationText.split(separator: "\n").filter { !$0.hasPrefix("version=") }
            .map { "\($0)\n" }.joined()
    }

    /// A `zoo.cfg` that leaves it to the file at `target` to name the members, all else as it was.
    static func staticText(_ text: String, naming target: String, erasesClientPort: Bool) -> String {
        var rest = PropertiesFile.text(text) { key in
            let plain = key.dropping(CoordinatorSchema.systemPropertyPrefix) ?? key
            if ["clientPort", "clientPortAddress"].contains(plain) { return erasesClientPort }
            return ["dynamicConfigFile", "peerType"].contains(plain) || MembershipLines.know(key)
        }
        if let last = rest.last, !last.isNewline { rest += "\n" }
        return rest + "dynamicConfigFile=\(target.replacing("\\", with: "\\\\"))\n"
    }

    private static func isMemberLine(_ entry: PropertiesFile.Entry) -> Bool { MembershipLines.know(entry.key) }
}

extension Membership {
    /// Whether the line of this member tells where it serves clients.
    fileprivate func namesClientPort(of member: MemberID) -> Bool {
        self[member]?.address.contains(";") ?? false
    }
}
