import NIOCore
import Testing
import ZooKeeperProtocol

@testable import ZNodes

/// The tree against ``PlainTree``: the same answers and the same nodes, whatever is asked.
@Suite struct TwinTests {
    private static let base = "/twin"

    private func text(_ path: [String]) -> String { Self.base + path.map { "/" + $0 }.joined() }

    private func outcome(_ answer: Result<ZooKeeperReply, ZooKeeperError>) -> ZooKeeperError {
        if case .failure(let error) = answer { error } else { .ok }
    }

    @Test(arguments: 1...40) func aDumbTreeSaysTheSame(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var tree = TestTree()
        var twin = PlainTree()
        _ = tree.create(Self.base)
        for step in 0..<400 {
            let path = (0..<Int.random(in: 1...4, using: &random)).map { _ in
                ["a", "b", "c"].randomElement(using: &random) ?? "a"
            }
            let session = Int64.random(in: 1...3, using: &random)
            let version = Int32.random(in: -1...2, using: &random)
            switch Int.random(in: 0..<20, using: &random) {
            case 0..<9:
                let modes: [CreateMode] = [.persistent, .ephemeral, .persistentSequential, .ephemeralSequential]
                let mode = modes.randomElement(using: &random) ?? .persistent
                let wanted = twin.create(
                    path, data: "\(step)", isSequential: mode.isSequential, owner: mode.isEphemeral ? session : 0)
                let found = tree.create(text(path), mode, data: "\(step)", session: session)
                let reply: Result<ZooKeeperReply, ZooKeeperError> = wanted.map { .path(text($0)) }
                #expect(found == reply)
            case 9..<13:
                let wanted = twin.delete(path, version: version)
                #expect(outcome(tree.delete(text(path), version: version)) == wanted)
            case 13..<18:
                let wanted = twin.set(path, data: "\(step)", version: version)
                #expect(outcome(tree.set(text(path), "\(step)", version: version)) == wanted)
            case 18:
                let found = tree.ask(.getChildren(path: text(path), watch: false))
                let wanted: Result<ZooKeeperReply, ZooKeeperError> =
                    twin.nodes[path] == nil ? .failure(.noNode) : .success(.strings(twin.children(of: path)))
                #expect(found == wanted)
            default:
                tree.perform(.sessionClosed(session))
                tree.perform(.sessionAsked(session, timeoutInMilliseconds: 10_000))
                twin.close(session)
            }
        }
        try compare(tree, twin)
    }

    private func compare(_ tree: TestTree, _ twin: PlainTree) throws {
        var tree = tree
        #expect(tree.ask(.getAllChildrenNumber(path: Self.base)) == .success(.number(Int32(twin.nodes.count - 1))))
        for (path, wanted) in twin.nodes {
            let answer = try tree.ask(.getData(path: text(path), watch: false)).get()
            guard case .data(let data, let stat) = answer else {
                Issue.record("no data of \(text(path))")
                continue
            }
            #expect(data.map(String.init(buffer:)) == wanted.data)
            #expect(stat.version == wanted.version && stat.ephemeralOwner == wanted.owner)
            #expect(Int(stat.numChildren) == twin.children(of: path).count)
            #expect(stat.cversion == wanted.createdChildCount + wanted.removedChildCount)
        }
        for session: Int64 in 1...3 {
            let owned = twin.nodes.filter { $0.value.owner == session }.keys.map(text).sorted()
            #expect(tree.tree.ephemerals(ofSession: session) == owned)
        }
    }
}
