import CoordinatorClient
import NIOCore
import ZooKeeperProtocol

/// Commands that make, change and delete nodes.
extension Shell {
    private static let deletedAtOnce = 1000

    func create(_ arguments: ShellArguments) async throws {
        let path = arguments.words[0]
        let kind = try CreatedKind(arguments)
        try ShellPath.check(path, isPrefix: kind.mode.isSequential)
        let words = arguments.words
        var create = CreateOperation(
            path: path, data: words.count > 1 ? ByteBuffer(string: words[1]) : nil, acl: ACL.open, mode: kind.mode)
        if words.count > 2 { create.acl = try ACLText.parse(words[2]) }
        let operation: ZooKeeperProtocol.Operation
        if let ttl = kind.ttl {
            create.ttl = ttl
            operation = .createTTL(create)
        } else {
            operation = kind.mode == .container ? .createContainer(create) : .create(create)
        }
        let created = try await ask(.change(operation), at: path).path
        output.complain("Created \(created)")
    }

    func set(_ arguments: ShellArguments) async throws {
        let path = arguments.words[0]
        try ShellPath.check(path)
        let rest = arguments.words.dropFirst(2)
        if !rest.isEmpty {
            output.complain("set: '\(rest.joined(separator: " "))' is not part of the data, which needs quotes")
        }
        let version = try version(arguments)
        let data = ByteBuffer(string: arguments.words[1])
        let reply = try await ask(.change(.setData(path: path, data: data, version: version)), at: path)
        if arguments.flags.contains("s") { output.result(StatText.lines(reply.stat)) }
    }

    func setACL(_ arguments: ShellArguments) async throws {
        let path = arguments.words[0]
        try ShellPath.check(path)
        let list = try ACLText.parse(arguments.words[1])
        let version = try version(arguments)
        let paths = arguments.flags.contains("R") ? try await tree(at: path) : [path]
        for path in paths {
            let reply = try await ask(.setACL(path: path, acl: list, version: version), at: path)
            if arguments.flags.contains("s") { output.result(StatText.lines(reply.stat)) }
        }
    }

    /// -1, which any version is, unless there is `-v`.
    private func version(_ arguments: ShellArguments) throws(ShellFailure) -> Int32 {
        try arguments.number("v", else: "-v must be followed by a version number") ?? -1
    }

    func delete(_ arguments: ShellArguments) async throws {
        let path = arguments.words[0]
        try ShellPath.check(path)
        var version = try version(arguments)
        if arguments.words.count > 1 {
            output.complain(
                "'delete path [version]' has been deprecated. Please use 'delete [-v version] path' instead.")
            guard let number = Int32(arguments.words[1]) else {
                throw ShellFailure("'\(arguments.words[1])' is not a version number")
            }
            version = number
        }
        try await ask(.change(.delete(path: path, version: version)), at: path)
    }

    /// Deletes a node and all below it, the lowest first.
    func deleteAll(_ arguments: ShellArguments) async throws {
        let path = arguments.words[0]
        try ShellPath.check(path)
        let batch: Int = try arguments.number("b", else: "-b argument must be an int value") ?? Self.deletedAtOnce
        // The root itself stays.
        var rest = Array(try await tree(at: path).reversed())[...].filter { $0 != "/" }[...]
        var failure: ShellFailure?
        while !rest.isEmpty {
            let paths = rest.prefix(max(1, batch))
            rest = rest.dropFirst(paths.count)
            let results = try await askAll(paths.map { .change(.delete(path: $0, version: -1)) }, at: path)
            for (path, result) in zip(paths, results) {
                // Gone is gone.
                guard case .failure(let error) = result, error != .refused(.noNode, operation: 0) else { continue }
                if failure == nil { failure = ShellFailure(error, at: path) }
            }
        }
        if let failure {
            throw ShellFailure("Failed to delete some node(s) in the subtree! The first: \(failure)")
        }
    }

    /// The node and all below it, each before what is below it.
    private func tree(at path: String) async throws -> [String] {
        var paths = [path]
        var next = 0
        while next < paths.count {
            let asked = paths[next..<min(paths.count, next + Self.deletedAtOnce)]
            next = asked.endIndex
            let results = try await askAll(asked.map { .getChildren(path: $0, watch: false) }, at: path)
            for (parent, result) in zip(asked, results) {
                switch result {
                case .success(let reply): paths += reply.strings.map { ShellPath.child($0, of: parent) }
                case .failure(.refused(.noNode, _)) where parent != path: continue
                case .failure(let error): throw ShellFailure(error, at: parent)
                }
            }
        }
        return paths
    }
}
