import ClusterModel
import Controller
import CoordinatorClient
import Logging
import NIOCore
import ZooKeeperProtocol

/// The coordination tree through one session, in the words of the controller.
struct TreeAccess: Sendable {
    /// Requests on their way at once: about what Apache's servers take before they stop reading.
    private static let requestsAtOnce = 1000

    let session: CoordinatorSession
    /// Of the nodes that are made.
    let rights: TreeRights

    /// What the nodes hold, in their order; nil where there is none. With `watching`, the next change of each is told,
    /// its creation too.
    func read(_ nodes: [TreeNode], watching: Bool = false) async throws(CoordinatorError) -> [NodeReading?] {
        var requests: [ZooKeeperRequest] = []
        for node in nodes {
            // Only this sets a watch on what is not there.
            if watching { requests.append(.exists(path: node.path, watch: true)) }
            requests.append(.getData(path: node.path, watch: false))
        }
        let perNode = watching ? 2 : 1
        var readings: [NodeReading?] = []
        for (index, result) in await perform(requests).enumerated() where index % perNode == perNode - 1 {
            do {
                guard case .data(let data, let stat) = try result.get() else { preconditionFailure("\(result)") }
                let bytes = data.map { Array($0.readableBytesView) } ?? []
                readings.append(NodeReading(data: bytes, version: stat.version, created: stat.czxid))
            } catch .refused(.noNode, _) {
                readings.append(nil)
            }
        }
        return readings
    }

    func read(_ node: TreeNode) async throws(CoordinatorError) -> NodeReading? { try await read([node])[0] }

    /// The names of the children, sorted; none where there is no such folder. With `watching`, the next change of each
    /// list is told.
    func children(of folders: [String], watching: Bool = false) async throws(CoordinatorError) -> [[String]] {
        var lists: [[String]] = []
        for result in await perform(folders.map { .getChildren(path: $0, watch: watching) }) {
            do {
                guard case .strings(let names) = try result.get() else { preconditionFailure("\(result)") }
                lists.append(names.sorted())
            } catch .refused(.noNode, _) {
                lists.append([])
            }
        }
        return lists
    }

    /// The node and all below it, parents first; empty when there is none.
    func subtree(_ path: String) async throws(CoordinatorError) -> [String] {
        guard try await exists(path) else { return [] }
        var paths = [path]
        var level = paths
        while !level.isEmpty {
            var next: [String] = []
            for (folder, names) in zip(level, try await children(of: level)) {
                for name in names { next.append("\(folder)/\(name)") }
            }
            paths += next
            level = next
        }
        return paths
    }

    func exists(_ path: String) async throws(CoordinatorError) -> Bool { try await stat(path) != nil }

    /// nil when there is no such node.
    func read(_ path: String) async throws(CoordinatorError) -> NodeReading? {
        do {
            guard case .data(let data, let stat) = try await session.perform(.getData(path: path, watch: false)) else {
                preconditionFailure("the reply to getData is no data")
            }
            let bytes = data.map { Array($0.readableBytesView) } ?? []
            return NodeReading(data: bytes, version: stat.version, created: stat.czxid)
        } catch .refused(.noNode, _) {
            return nil
        }
    }

    /// nil when there is no such node.
    func stat(_ path: String) async throws(CoordinatorError) -> Stat? {
        do {
            guard case .stat(let stat) = try await session.perform(.exists(path: path, watch: false)) else {
                preconditionFailure("the reply to exists is not a stat")
            }
            return stat
        } catch .refused(.noNode, _) {
            return nil
        }
    }

    /// Performs each by itself, all sent at once.
    func perform(_ transactions: [TreeTransaction]) async -> [Result<[OperationResult], CoordinatorError>] {
        let results = await perform(transactions.map { .multi($0.writes.map(operation)) })
        return results.map { result in
            result.map { reply in
                guard case .results(let results) = reply else { preconditionFailure("a multi was answered: \(reply)") }
                return results
            }
        }
    }

    @discardableResult
    func perform(_ transaction: TreeTransaction) async throws(CoordinatorError) -> [OperationResult] {
        try await perform([transaction])[0].get()
    }

    /// Makes nodes without data where there are none.
    func createAbsent(_ paths: [String]) async throws(CoordinatorError) {
        for result in await perform(paths.map { .change(operation(.create(path: $0, data: []))) }) {
            do { _ = try result.get() } catch .refused(.nodeExists, _) { continue }
        }
    }

    /// Makes a node when there is none.
    func createAbsent(_ path: String, _ data: [UInt8]) async throws(CoordinatorError) {
        do { try await perform(TreeTransaction([.create(path: path, data: data)])) } catch .refused(.nodeExists, _) {
            return
        }
    }

    /// What takes away the registration of a broker whose process is dead, and the controller's office where its session
    /// holds that.
    func removals(of broker: BrokerID, ofSession session: Int64) async throws(CoordinatorError) -> [TreeWrite] {
        var removals = [TreeWrite.delete(path: TreePath.broker(broker), version: -1)]
        if try await stat(TreePath.controller)?.ephemeralOwner == session {
            removals.append(.delete(path: TreePath.controller, version: -1))
        }
        return removals
    }

    private func perform(_ requests: [ZooKeeperRequest]) async -> [Result<ZooKeeperReply, CoordinatorError>] {
        var results: [Result<ZooKeeperReply, CoordinatorError>] = []
        var rest = requests[...]
        while !rest.isEmpty {
            results += await session.perform(Array(rest.prefix(Self.requestsAtOnce)))
            rest = rest.dropFirst(Self.requestsAtOnce)
        }
        return results
    }

    private func operation(_ write: TreeWrite) -> Operation {
        // Apache writes null where there is nothing to say.
        func buffer(_ data: [UInt8]) -> ByteBuffer? { data.isEmpty ? nil : ByteBuffer(bytes: data) }
        switch write {
        case .create(let path, let data, let kind):
            let mode: CreateMode =
                switch kind {
                case .persistent: .persistent
                case .persistentSequential: .persistentSequential
                case .ephemeral: .ephemeral
                }
            return .create(CreateOperation(path: path, data: buffer(data), acl: rights.acl(of: path), mode: mode))
        case .set(let path, let data, let version):
            return .setData(path: path, data: buffer(data), version: version)
        case .delete(let path, let version): return .delete(path: path, version: version)
        case .check(let path, let version): return .check(path: path, version: version)
        }
    }
}

extension ClusterImage {
    /// Takes over what a node holds now; nil: it is not there. What makes no sense changes nothing, for nobody can act on
    /// it: it is logged, and the result is false.
    @discardableResult mutating func take(_ node: TreeNode, _ reading: NodeReading?, _ logger: Logger) -> Bool {
        do throws(MalformedNode) {
            try take(node, reading)
            return true
        } catch {
            logger.error("\(node.path) is not taken over: \(error)")
            return false
        }
    }
}
