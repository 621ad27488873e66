import NIOCore
import Seams
import WireCoding
import ZooKeeperProtocol

@testable import ZNodes

/// A tree with a few sessions, whose records are kept.
struct TestTree {
    var tree: ZNodes
    var records: [TreeRecord] = []
    /// Of the last request.
    var events: [(watchers: [UInt64], event: WatchedEvent)] = []
    var now = Instant(nanoseconds: 0, unixMilliseconds: 1_000_000)

    init(_ change: (inout ZNodesSettings) -> Void = { _ in }) {
        var settings = ZNodesSettings()
        settings.allowsTTL = true
        change(&settings)
        tree = ZNodes(settings)
        for session: Int64 in 1...3 {
            perform(.sessionAsked(session, timeoutInMilliseconds: 10_000))
            tree.touch(session: session, at: now)
        }
    }

    @discardableResult
    mutating func perform(_ event: ZNodesEvent) -> [ZNodesEffect] {
        let decision = tree.decide(event, at: now)
        var effects: [ZNodesEffect] = []
        for record in decision.records {
            tree.apply(record, into: &effects)
            records.append(record)
        }
        events = (effects + decision.effects).compactMap { effect in
            guard case .notify(let watchers, let event, _, _) = effect else { return nil }
            return (watchers.map(\.number), event)
        }
        return decision.effects
    }

    /// By the session's number its watcher is known, too.
    mutating func ask(
        _ request: ZooKeeperRequest, session: Int64 = 1, as identities: [ZooKeeperID] = []
    ) -> Result<ZooKeeperReply, ZooKeeperError> {
        let asked = TreeRequest(
            session: session, watcher: Watcher(UInt64(session)), identities: identities, request: request)
        for case .answer(let answer) in perform(.requested(asked)) { return answer }
        preconditionFailure("no answer to \(request)")
    }

    mutating func create(
        _ path: String, _ mode: CreateMode = .persistent, data: String = "", acl: [ACL] = ACL.open, session: Int64 = 1,
        ttl: Int64 = 0, as identities: [ZooKeeperID] = []
    ) -> Result<ZooKeeperReply, ZooKeeperError> {
        let create = CreateOperation(path: path, data: ByteBuffer(string: data), acl: acl, mode: mode, ttl: ttl)
        let operation: Operation =
            if mode == .container { .createContainer(create) } else if mode.hasTTL { .createTTL(create) } else {
                .create(create)
            }
        return ask(.change(operation), session: session, as: identities)
    }

    mutating func delete(_ path: String, version: Int32 = -1) -> Result<ZooKeeperReply, ZooKeeperError> {
        ask(.change(.delete(path: path, version: version)))
    }

    mutating func set(_ path: String, _ data: String, version: Int32 = -1) -> Result<ZooKeeperReply, ZooKeeperError> {
        ask(.change(.setData(path: path, data: ByteBuffer(string: data), version: version)))
    }

    mutating func stat(_ path: String) -> Stat? {
        guard case .success(.stat(let stat)) = ask(.exists(path: path, watch: false)) else { return nil }
        return stat
    }

    mutating func pass(_ time: Duration) {
        now = now + time
        perform(.ticked)
    }

    var told: [String] {
        events.flatMap { event in event.watchers.map { "\($0):\(event.event.kind):\(event.event.path)" } }
    }
}
