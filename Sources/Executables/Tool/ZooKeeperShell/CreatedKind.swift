import ZooKeeperProtocol

/// How the node is to live that `create` makes.
struct CreatedKind: Equatable {
    /// Milliseconds; ZooKeeper keeps forty bits.
    private static let longestTTL: Int64 = (1 << 40) - 1

    var mode: CreateMode
    /// Milliseconds.
    var ttl: Int64?

    init(_ arguments: ShellArguments) throws(ShellFailure) {
        let isSequential = arguments.flags.contains("s")
        let isEphemeral = arguments.flags.contains("e")
        let isContainer = arguments.flags.contains("c")
        ttl = try arguments.number("t", else: "-t argument must be a long value")
        if let ttl {
            if isEphemeral { throw ShellFailure("TTLs cannot be used with Ephemeral znodes") }
            if isContainer { throw ShellFailure("TTLs cannot be used with Container znodes") }
            guard (1...Self.longestTTL).contains(ttl) else {
                throw ShellFailure("ttl must be positive and cannot be larger than: \(Self.longestTTL)")
            }
        }
        if isContainer, isSequential || isEphemeral {
            throw ShellFailure(
                "-c cannot be combined with -s or -e. Containers cannot be ephemeral or sequential.")
        }
        mode =
            switch (isSequential, isEphemeral) {
            case (false, false) where isContainer: .container
            case (false, false): ttl == nil ? .persistent : .persistentWithTTL
            case (true, false): ttl == nil ? .persistentSequential : .persistentSequentialWithTTL
            case (false, true): .ephemeral
            case (true, true): .ephemeralSequential
            }
    }
}
