import CoordinatorClient
import ZooKeeperProtocol

/// Commands about watches. What watches tell is printed when it comes.
extension Shell {
    func addWatch(_ arguments: ShellArguments) async throws {
        let path = arguments.words[0]
        try ShellPath.check(path)
        let mode: AddWatchMode
        switch arguments.values["m"] {
        case nil, "PERSISTENT_RECURSIVE": mode = .persistentRecursive
        case "PERSISTENT": mode = .persistent
        default: throw ShellFailure("-m must be followed by PERSISTENT or PERSISTENT_RECURSIVE")
        }
        try await ask(.addWatch(path: path, mode: mode.rawValue), at: path)
    }

    func removeWatches(_ arguments: ShellArguments) async throws {
        let path = arguments.words[0]
        try ShellPath.check(path)
        let types: [(flag: String, type: WatcherType)] = [("c", .children), ("d", .data), ("a", .any)]
        let chosen = types.filter { arguments.flags.contains($0.flag) }.map(\.type)
        if chosen.count > 1 { throw ShellFailure("only one of -c, -d and -a can be given") }
        let type = chosen.first ?? .any
        guard let session = connection?.session else { throw ShellFailure("Not connected") }
        let removed = session.watches(on: path).filter { type == .any || type == $0 }
        if case .connected = session.standing {
            try await ask(.removeWatches(path: path, type: type.rawValue), at: path)
        } else if arguments.flags.contains("l"), !removed.isEmpty {
            session.forgetWatches(on: path, type)
        } else {
            try await ask(.removeWatches(path: path, type: type.rawValue), at: path)
        }
        guard output.showsWatches else { return }
        // One event tells of both kinds of persistent watches.
        for kind in Set(removed.map { Self.removal(of: $0) }).sorted() { output.result(ShellEvents.text(kind, path)) }
    }

    private static func removal(of type: WatcherType) -> String {
        switch type {
        case .data, .any: "DataWatchRemoved"
        case .children: "ChildWatchRemoved"
        case .persistent, .persistentRecursive: "PersistentWatchRemoved"
        }
    }

    func printWatches(_ arguments: ShellArguments) {
        guard let word = arguments.words.first else {
            return output.result("printwatches is \(output.showsWatches ? "on" : "off")")
        }
        output.showsWatches = word == "on"
    }
}
