import FoundationEssentials
import NIOCore
import ZooKeeperProtocol

/// Commands that look at nodes.
extension Shell {
    /// So many children are asked about at once while a tree is listed.
    private static let askedAtOnce = 200

    func list(_ arguments: ShellArguments) async throws {
        let path = arguments.words[0]
        try ShellPath.check(path)
        if arguments.flags.contains("R") {
            return try await listTree(path, watches: arguments.flags.contains("w"))
        }
        let watches = watches(
            arguments, else: "'ls path [watch]' has been deprecated. Please use 'ls [-w] path' instead.")
        let reply = try await ask(.getChildren2(path: path, watch: watches), at: path)
        output.result("[\(reply.strings.sorted().joined(separator: ", "))]")
        if arguments.flags.contains("s") { output.result(StatText.lines(reply.stat)) }
    }

    /// As zkCli has it: all children of a node before what is below the first of them; and a watch is for the children
    /// of each node, and for the data of the first alone.
    private func listTree(_ path: String, watches: Bool) async throws {
        let top = try await ask(.getChildren(path: path, watch: watches), at: path)
        if watches { try await ask(.getData(path: path, watch: true), at: path) }
        output.result(path)
        try await listTree(below: path, top.strings, watches)
    }

    /// What is deleted meanwhile has nothing below it.
    private func listTree(below path: String, _ names: [String], _ watches: Bool) async throws {
        var rest = names.sorted().map { ShellPath.child($0, of: path) }[...]
        output.result(Array(rest))
        while !rest.isEmpty, !output.isBroken {
            let paths = rest.prefix(Self.askedAtOnce)
            rest = rest.dropFirst(paths.count)
            let results = try await askAll(paths.map { .getChildren(path: $0, watch: watches) }, at: path)
            for (child, result) in zip(paths, results) {
                switch result {
                case .success(let reply): try await listTree(below: child, reply.strings, watches)
                case .failure(.refused(.noNode, _)): continue
                case .failure(let error): throw ShellFailure(error, at: child)
                }
            }
        }
    }

    func get(_ arguments: ShellArguments) async throws {
        let path = arguments.words[0]
        try ShellPath.check(path)
        let watches = watches(
            arguments, else: "'get path [watch]' has been deprecated. Please use 'get [-s] [-w] path' instead.")
        let reply = try await ask(.getData(path: path, watch: watches), at: path)
        show(reply.data, arguments)
        if arguments.flags.contains("s") { output.result(StatText.lines(reply.stat)) }
    }

    private func show(_ data: ByteBuffer?, _ arguments: ShellArguments) {
        guard let data else { return output.result("null") }
        let bytes = Array(data.readableBytesView)
        if arguments.flags.contains("b") {
            output.result(Data(bytes).base64EncodedString())
        } else if arguments.flags.contains("x") {
            output.result(HexText.lines(bytes))
        } else {
            output.result(bytes: bytes)
        }
    }

    func stat(_ arguments: ShellArguments) async throws {
        let path = arguments.words[0]
        try ShellPath.check(path)
        let watches = watches(
            arguments, else: "'stat path [watch]' has been deprecated. Please use 'stat [-w] path' instead.")
        output.result(StatText.lines(try await ask(.exists(path: path, watch: watches), at: path).stat))
    }

    /// Whether a watch is wanted: by `-w`, or as older releases had it by any second word.
    private func watches(_ arguments: ShellArguments, else advice: String) -> Bool {
        if arguments.words.count > 1 { output.complain(advice) }
        return arguments.flags.contains("w") || arguments.words.count > 1
    }

    func getACL(_ arguments: ShellArguments) async throws {
        let path = arguments.words[0]
        try ShellPath.check(path)
        guard case .acl(let list, let stat) = try await ask(.getACL(path: path), at: path) else { return }
        output.result(ACLText.lines(list))
        if arguments.flags.contains("s") { output.result(StatText.lines(stat)) }
    }

    /// Paths of this session's ephemeral nodes.
    func getEphemerals(_ arguments: ShellArguments) async throws {
        let prefix = arguments.words.first ?? "/"
        try ShellPath.check(prefix)
        let paths = try await ask(.getEphemerals(prefix: prefix), at: prefix).strings
        output.result("[\(paths.sorted().joined(separator: ", "))]")
    }

    func getAllChildrenNumber(_ arguments: ShellArguments) async throws {
        let path = arguments.words[0]
        try ShellPath.check(path)
        guard case .number(let number) = try await ask(.getAllChildrenNumber(path: path), at: path) else { return }
        output.result("\(number)")
    }

    func sync(_ arguments: ShellArguments) async throws {
        let path = arguments.words[0]
        try ShellPath.check(path)
        try await ask(.sync(path: path), at: path)
        output.result("Sync is OK")
    }
}
