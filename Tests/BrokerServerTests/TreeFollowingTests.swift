import Controller
import CoordinatorClient
import Foundation
import Testing
import ZooKeeperProtocol

@testable import BrokerServer

/// Reading the tree of three brokers of Apache Kafka, as recorded step by step.
@Suite(.timeLimit(.minutes(1))) struct TreeFollowingTests {
    private struct Node {
        var path: String
        var text: String?
    }

    private static let steps = [
        "tree-00-three-brokers-up", "tree-01-topics-created",
        "tree-02-partitions-added-topic-deleted-configs-altered", "tree-03-acls-and-scram-users",
        "tree-04-after-traffic-transactions-and-a-group", "tree-05-broker-2-killed", "tree-06-broker-2-back",
    ]

    private func nodes(_ step: String) throws -> [Node] {
        let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let file = tests.appending(path: "ControllerTests/Fixtures/\(step).jsonl")
        return try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map { line in
            let object = try #require(try JSONValue(parsing: Array(line.utf8)).asObject)
            return Node(path: try #require(object["path"]?.asString), text: object["data"]?.asString)
        }
    }

    /// What is at the coordinator now, read by nobody but this.
    private func expected(_ coordinator: MemoryCoordinator) throws -> ClusterImage {
        var image = ClusterImage()
        // A topic before what lies below it and before its settings.
        for (path, text) in coordinator.tree.sorted(by: { $0.key < $1.key }) {
            guard let node = TreeNode(path: path), let stat = coordinator.stat(path) else { continue }
            let data = Array((text ?? "").utf8)
            try image.take(node, NodeReading(data: data, version: stat.version, created: stat.czxid))
        }
        image.brokers = image.brokers.filter { $0.value.isMartlet }
        return image
    }

    private func follow(
        _ following: inout TreeFollowing, _ session: CoordinatorSession, _ inbox: TreeInbox
    ) async throws(CoordinatorError) {
        // The events come before the reply.
        _ = try await session.perform(.exists(path: "/", watch: false))
        for case .event(.changed(let event), _) in inbox.takeNow() { following.note(event) }
        do {
            try await following.catchUp(with: TreeAccess(session: session, rights: .open))
        } catch .connectionLost {
            // A server that does not know recursive watches ends the connection.
            try await session.untilConnected()
            try await following.catchUp(with: TreeAccess(session: session, rights: .open))
        }
    }

    @Test(arguments: [true, false])
    func everyStepIsFollowed(recursive: Bool) async throws {
        let coordinator = MemoryCoordinator(knowsRecursiveWatches: recursive)
        try await coordinator.start()
        let inbox = TreeInbox()
        let session = CoordinatorSession(
            try CoordinatorSettings(connect: coordinator.connect), on: MemoryCoordinator.group, logger: silentLogger
        ) { inbox.post(.event($0, session: 1)) }
        try await session.start()
        var following = TreeFollowing(followsAccess: true, logger: silentLogger)
        var present: Set<String> = ["/"]
        for step in Self.steps {
            let nodes = try nodes(step)
            let paths = Set(nodes.map(\.path))
            for path in present.subtracting(paths).sorted(by: >) { coordinator.remove(path) }
            for node in nodes where node.path != "/" && coordinator.tree[node.path] != .some(node.text) {
                coordinator.put(node.path, node.text)
            }
            present = paths
            try await follow(&following, session, inbox)
            let expected = try expected(coordinator)
            #expect(following.image == expected, "\(step)")
        }
        #expect(following.image.topics["orders"]?.partitions.count == 4)
        await session.close()
        try await coordinator.stop()
    }
}
