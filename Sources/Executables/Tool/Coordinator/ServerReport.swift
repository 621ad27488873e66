/// What one coordinator says of itself.
struct ServerReport: Encodable, Equatable {
    enum State: String, Encodable {
        /// It answers clients, as its mode says.
        case serving
        /// It runs, but has no leader to follow.
        case notServing = "not serving"
        case unreachable
    }

    struct Latency: Encodable, Equatable {
        /// In milliseconds.
        var minimum, average, maximum: Double
    }

    var server: String
    var state: State
    /// Why it is not serving, where that is known.
    var cause: String?
    /// leader, follower, observer, standalone or read-only.
    var mode: String?
    var epoch: Int64?
    var zxid: Int64?
    /// nil where it does not tell, as when `mntr` is not in its whitelist.
    var sessions: Int?
    var nodes: Int?
    var connections: Int?
    var outstanding: Int?
    var latency: Latency?

    private static let notServing = "not currently serving requests"
    private static let notAllowed = "not in the whitelist"

    init(server: String, unreachable cause: String) {
        self.server = server
        self.cause = cause
        state = .unreachable
    }

    /// - Parameters:
    ///   - srvr: the answer to that word.
    ///   - mntr: the answer to that word, or nil.
    init(server: String, srvr: String, mntr: String?) {
        self.server = server
        guard !srvr.contains(Self.notServing) else {
            state = .notServing
            cause = "it has no leader"
            return
        }
        let facts = Self.facts(srvr, separator: ":")
        guard let mode = facts["Mode"] else {
            state = .unreachable
            cause = srvr.contains(Self.notAllowed) ? "srvr is not in its whitelist" : "what answers is no coordinator"
            return
        }
        state = .serving
        self.mode = mode
        zxid = facts["Zxid"].flatMap { $0.hasPrefix("0x") ? UInt64($0.dropFirst(2), radix: 16) : nil }
            .map { Int64(bitPattern: $0) }
        epoch = zxid.map { $0 >> 32 }
        nodes = facts["Node count"].flatMap { Int($0) }
        connections = facts["Connections"].flatMap { Int($0) }
        outstanding = facts["Outstanding"].flatMap { Int($0) }
        let numbers = facts["Latency min/avg/max"]?.split(separator: "/").compactMap { Double($0) } ?? []
        if numbers.count == 3 { latency = Latency(minimum: numbers[0], average: numbers[1], maximum: numbers[2]) }
        sessions = mntr.flatMap { Self.facts($0, separator: "\t")["zk_global_sessions"] }.flatMap { Int($0) }
    }

    private static func facts(_ text: String, separator: Character) -> [String: String] {
        var facts: [String: String] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            guard let end = line.firstIndex(of: separator) else { continue }
            facts[String(line[..<end])] = String(line[line.index(after: end)...].drop { $0 == " " })
        }
        return facts
    }
}

/// How coordinators do together, as far as those that were asked tell.
struct EnsembleHealth: Encodable, Equatable {
    enum Verdict: String, Encodable {
        case healthy
        /// Clients are served, but something is not as it should be.
        case degraded
        /// Nobody takes changes.
        case unavailable
    }

    private(set) var verdict = Verdict.healthy
    /// Why it is not healthy, as sentences.
    private(set) var findings: [String] = []

    init(_ servers: [ServerReport]) {
        for server in servers where server.state != .serving {
            findings.append("\(server.server) is \(server.state.rawValue)\(server.cause.map { ": \($0)" } ?? "")")
        }
        let serving = servers.filter { $0.state == .serving }
        for server in serving where server.mode == "read-only" {
            findings.append("\(server.server) is cut off from its ensemble and answers reads only")
        }
        let alone = serving.filter { $0.mode == "standalone" }
        if servers.count > 1 {
            for server in alone { findings.append("\(server.server) stands alone, it is no member of an ensemble") }
        }
        noteLeaders(serving)
        verdict = findings.isEmpty ? .healthy : .degraded
        if !serving.contains(where: { $0.mode != "read-only" }) { verdict = .unavailable }
    }

    private mutating func noteLeaders(_ serving: [ServerReport]) {
        let leaders = serving.filter { $0.mode == "leader" }
        let others = serving.filter { $0.mode == "follower" || $0.mode == "observer" }
        if leaders.count > 1 {
            let claims = leaders.map { "\($0.server) in epoch \($0.epoch ?? 0)" }.joined(separator: ", ")
            findings.append("more than one says that it leads: \(claims)")
        }
        guard let leader = leaders.first else {
            if !others.isEmpty { findings.append("the leader is none of the servers that were asked") }
            return
        }
        guard leaders.count == 1 else { return }
        for other in others where other.epoch != leader.epoch {
            findings.append(
                "\(other.server) is in epoch \(other.epoch ?? 0), its leader \(leader.server) in \(leader.epoch ?? 0)")
        }
    }
}
