import NIOCore
import Seams
import Testing
import WireCoding
import ZooKeeperProtocol

@testable import ZNodes

/// Changes that only leaders make.
@Suite struct EnsembleChangeTests {
    private let now = Instant(nanoseconds: 0, unixMilliseconds: 5)

    @Test func anEpochOpensWithWhatMembersShare() throws {
        var tree = ZNodes(ZNodesSettings())
        let secret = ByteBuffer(string: "shared")
        try apply(.epochOpened(zxid: 7 << 32, secret: secret, configuration: "server.1=a"), to: &tree)
        #expect(tree.lastZxid == 7 << 32)
        #expect(tree.hard.secret == secret)
        #expect(tree.hard.configuration == "server.1=a")
        try apply(.reconfigured(configuration: "server.2=b", previous: "server.1=a"), to: &tree)
        #expect(tree.hard.configuration == "server.2=b")
        #expect(tree.hard.nodes[NodePath.configuration]?.stat.version == -1)
        let changed: Int64 = (7 << 32) + 1
        #expect(tree.hard.nodes[NodePath.configuration]?.stat.mzxid == changed)
    }

    @Test func aSnapshotKeepsThem() throws {
        var tree = ZNodes(ZNodesSettings())
        try apply(.epochOpened(zxid: 1 << 32, secret: ByteBuffer(string: "s"), configuration: "c"), to: &tree)
        var loader = TreeLoader()
        for chunk in tree.hard.snapshotChunks() { try loader.load(chunk) }
        #expect(try loader.finish() == tree.hard)
    }

    /// Decides, and applies what comes back from the log.
    private func apply(_ event: ZNodesEvent, to tree: inout ZNodes) throws {
        var effects: [ZNodesEffect] = []
        for record in tree.decide(event, at: now).records {
            var writer = WireWriter()
            record.write(to: &writer)
            let read = try WireReader.read(writer.buffer()) { reader throws(MalformedInput) in
                try TreeRecord(reading: &reader)
            }
            #expect(read == record)
            tree.apply(read, into: &effects)
        }
    }
}
