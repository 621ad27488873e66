import CoordinatorClient
import ZooKeeperProtocol

/// Why a command came to nothing, in the words that zkCli has for it.
struct ShellFailure: Error, Equatable, CustomStringConvertible {
    /// What scripts get for a word that is no command, as from a Unix shell.
    static let unknownCommandStatus: Int32 = 127

    var description: String
    /// The exit status of a script that ends with it.
    var status: Int32 = 1

    init(_ description: String, status: Int32 = 1) {
        self.description = description
        self.status = status
    }

    /// - Parameter path: what was asked about; nil for requests about no node.
    init(_ error: CoordinatorError, at path: String?) {
        let place = path.map { " for \($0)" } ?? ""
        switch error {
        case .refused(let refusal, _): self.init(Self.text(refusal, path))
        case .connectionLost(let reason): self.init("KeeperErrorCode = ConnectionLoss\(place): \(reason)")
        case .notAuthenticated(let reason): self.init("KeeperErrorCode = AuthFailed\(place): \(reason)")
        case .sessionExpired: self.init("KeeperErrorCode = Session expired\(place)")
        case .closed: self.init("KeeperErrorCode = Closed\(place)")
        }
    }

    private static func text(_ refusal: ZooKeeperError, _ path: String?) -> String {
        if let path, let sentence = sentences[refusal] { return "\(sentence)\(path)" }
        if let advice = advice[refusal] { return advice }
        let name = names[refusal] ?? "Unknown error \(refusal.rawValue)"
        return "KeeperErrorCode = \(name)" + (path.map { " for \($0)" } ?? "")
    }

    private static let sentences: [ZooKeeperError: String] = [
        .nodeExists: "Node already exists: ", .noChildrenForEphemerals: "Ephemerals cannot have children: ",
        .noNode: "Node does not exist: ", .notEmpty: "Node not empty: ", .notReadOnly: "Not a read-only call: ",
        .invalidACL: "Acl is not valid : ", .noAuth: "Insufficient permission : ",
        .badArguments: "Arguments are not valid : ", .badVersion: "version No is not valid : ",
        .quotaExceeded: "Quota has exceeded : ",
    ]

    private static let advice: [ZooKeeperError: String] = [
        .reconfigInProgress: "Another reconfiguration is in progress -- concurrent reconfigs not supported (yet)",
        .newConfigNoQuorum:
            "No quorum of new config is connected and up-to-date with the leader of last committed config - try "
            + "invoking reconfiguration after new servers are connected and synced",
    ]

    /// As Apache ZooKeeper's Java client writes the codes.
    private static let names: [ZooKeeperError: String] = [
        .systemError: "SystemError", .runtimeInconsistency: "RuntimeInconsistency",
        .dataInconsistency: "DataInconsistency", .connectionLoss: "ConnectionLoss",
        .marshallingError: "MarshallingError", .unimplemented: "Unimplemented", .operationTimeout: "OperationTimeout",
        .badArguments: "BadArguments", .newConfigNoQuorum: "NewConfigNoQuorum",
        .reconfigInProgress: "ReconfigInProgress", .apiError: "APIError", .noNode: "NoNode", .noAuth: "NoAuth",
        .badVersion: "BadVersion", .noChildrenForEphemerals: "NoChildrenForEphemerals", .nodeExists: "NodeExists",
        .notEmpty: "Directory not empty", .sessionExpired: "Session expired", .invalidCallback: "Invalid callback",
        .invalidACL: "InvalidACL", .authFailed: "AuthFailed", .sessionMoved: "Session moved",
        .notReadOnly: "Not a read-only call", .ephemeralOnLocalSession: "Ephemeral node on local session",
        .noWatcher: "No such watcher", .requestTimeout: "RequestTimeout",
        .reconfigDisabled: "Reconfig is disabled",
        .sessionClosedRequireSASLAuth: "Session closed because client failed to authenticate",
        .quotaExceeded: "Quota has exceeded", .throttledOp: "Op throttled due to high load",
    ]
}
