import CoordinatorClient
import NIOCore
import Settings
import ZooKeeperProtocol

/// Commands about the servers, and about who asks them.
extension Shell {
    private static let configNode = "/zookeeper/config"

    func config(_ arguments: ShellArguments) async throws {
        let watches = arguments.flags.contains("w")
        let reply = try await askOutside(.getData(path: Self.configNode, watch: watches), at: Self.configNode)
        output.result(arguments.flags.contains("c") ? EnsembleText.clients(reply.text) : reply.text)
        if arguments.flags.contains("s") { output.result(StatText.lines(reply.stat)) }
    }

    func reconfigure(_ arguments: ShellArguments) async throws {
        let values = arguments.values
        let isIncremental = values["add"] != nil || values["remove"] != nil
        let isWhole = values["file"] != nil || values["members"] != nil
        if isIncremental, isWhole {
            throw ShellFailure(
                "Can't use -file or -members together with -add or -remove (mixing incremental and non-incremental "
                    + "modes is not allowed)")
        }
        if values["file"] != nil, values["members"] != nil {
            throw ShellFailure("Can't use -file and -members together (conflicting non-incremental modes)")
        }
        guard isIncremental || isWhole else { throw ShellFailure(CommandTable.byName["reconfig"]?.usage ?? "") }
        let version: Int64 =
            try arguments.number("v", else: "-v must be followed by a long (configuration version)") ?? -1
        var members = values["members"]
        if let path = values["file"] { members = try Self.members(in: path) }
        let reply = try await ask(
            .reconfig(joining: values["add"], leaving: values["remove"], newMembers: members, version: version), at: nil
        )
        output.result("Committed new configuration:\n\(reply.text)")
        if arguments.flags.contains("s") { output.result(StatText.lines(reply.stat)) }
    }

    private static func members(in path: String) throws(ShellFailure) -> String {
        let lines: [String]
        do throws(UnreadableSettings) {
            lines = try PropertiesFile.lines(reading: path)
        } catch {
            throw ShellFailure("Error processing \(path): \(error.reason)")
        }
        let members = EnsembleText.members(file: lines.joined(separator: "\n"))
        if members.isEmpty { throw ShellFailure("Error processing \(path): no line of it begins with server.") }
        return members
    }

    func whoAmI() async throws {
        guard case .identities(let identities) = try await ask(.whoAmI, at: nil) else { return }
        output.result(["Auth scheme: User"] + identities.map { "\($0.scheme): \($0.id)" })
    }

    func addAuth(_ arguments: ShellArguments) async throws {
        let scheme = arguments.words[0]
        let secret = arguments.words.dropFirst().first ?? ""
        let session = try await session(for: nil)
        do {
            try await session.prove(scheme: scheme, secret: ByteBuffer(string: secret))
        } catch .refused(.authFailed, _) {
            throw ShellFailure(
                "KeeperErrorCode = AuthFailed: the server does not know '\(scheme)' or does not believe it")
        } catch {
            throw ShellFailure(error, at: nil)
        }
    }
}
