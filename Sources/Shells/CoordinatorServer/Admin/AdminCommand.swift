/// A command of the AdminServer, by Apache ZooKeeper's names.
enum AdminCommand: String, Sendable, CaseIterable {
    case configuration
    case connectionStatReset = "connection_stat_reset"
    case connections
    case dirs
    case dump
    case environment
    case getTraceMask = "get_trace_mask"
    case hash
    case initialConfiguration = "initial_configuration"
    case isReadOnly = "is_read_only"
    case lastSnapshot = "last_snapshot"
    case leader
    case monitor
    case observerConnectionStatReset = "observer_connection_stat_reset"
    case observers
    case restore
    case ruok
    case serverStats = "server_stats"
    case setTraceMask = "set_trace_mask"
    case snapshot
    case statReset = "stat_reset"
    case stats
    case systemProperties = "system_properties"
    case votingView = "voting_view"
    case watchSummary = "watch_summary"
    case watches
    case watchesByPath = "watches_by_path"
    case zabstate

    /// Under which it is known besides.
    var shortNames: [String] {
        switch self {
        case .configuration: ["conf", "config"]
        case .connectionStatReset: ["crst"]
        case .connections: ["cons"]
        case .environment: ["env", "envi"]
        case .getTraceMask: ["gtmk"]
        case .initialConfiguration: ["icfg"]
        case .isReadOnly: ["isro"]
        case .lastSnapshot: ["lsnp"]
        case .leader: ["lead"]
        case .monitor: ["mntr"]
        case .observerConnectionStatReset: ["orst"]
        case .observers: ["obsr"]
        case .restore: ["rest"]
        case .serverStats: ["srvr"]
        case .setTraceMask: ["stmk"]
        case .snapshot: ["snap"]
        case .statReset: ["srst"]
        case .stats: ["stat"]
        case .systemProperties: ["sysp"]
        case .watchSummary: ["wchs"]
        case .watches: ["wchc"]
        case .watchesByPath: ["wchp"]
        case .dirs, .dump, .hash, .ruok, .votingView, .zabstate: []
        }
    }

    private static let byName: [String: AdminCommand] = allCases.reduce(into: [:]) { names, command in
        for name in [command.rawValue] + command.shortNames { names[name] = command }
    }

    /// nil for a name that is none of any command's.
    init?(named name: String) {
        guard let command = Self.byName[name] else { return nil }
        self = command
    }

    /// Whether it moves a whole state, which ``StateCommands`` do.
    var movesState: Bool { self == .snapshot || self == .restore }

    /// By which HTTP method it is asked for; HEAD is as good as GET.
    var method: String { self == .restore ? "POST" : "GET" }

    /// Whether it is answered also while no client is served.
    var needsNoService: Bool {
        switch self {
        case .environment, .getTraceMask, .setTraceMask, .systemProperties, .initialConfiguration, .votingView,
            .zabstate:
            true
        default: false
        }
    }
}
