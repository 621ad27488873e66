import NIOCore
import Testing
import WireCoding
import ZooKeeperProtocol

@testable import ZNodes

/// Bytes of a damaged log or snapshot are refused, and never trap.
@Suite struct MalformedTests {
    private func record(_ change: TreeChange) -> ByteBuffer {
        var writer = WireWriter()
        TreeRecord(zxid: 9, time: 7, change: change).write(to: &writer)
        return writer.buffer()
    }

    private func read(_ bytes: ByteBuffer) throws(MalformedInput) -> TreeRecord {
        try WireReader.read(bytes) { reader throws(MalformedInput) in
            let record = try TreeRecord(reading: &reader)
            try reader.finish()
            return record
        }
    }

    private static let changes: [TreeChange] = [
        .created(path: "/a", data: ByteBuffer(string: "x"), acl: ACL.open, lifetime: .ephemeral(3)),
        .created(path: "/t", data: nil, acl: ACL.open, lifetime: .ttl(5)), .deleted(path: "/a"),
        .dataSet(path: "/a", data: nil), .aclSet(path: "/a", acl: ACL.open),
        .sessionOpened(1, timeoutInMilliseconds: 5000), .sessionClosed(1, paths: ["/a", "/b"]),
        .multi([.deleted(path: "/a"), .dataSet(path: "/b", data: ByteBuffer())]), .multi([]), .failed(.noNode),
    ]

    @Test(arguments: changes) func aRecordThatEndsEarlyIsRefused(_ change: TreeChange) throws {
        let whole = record(change)
        #expect(try read(whole).change == change)
        for length in 0..<whole.readableBytes {
            let short = try #require(whole.getSlice(at: whole.readerIndex, length: length))
            #expect(throws: MalformedInput.self) { try read(short) }
        }
    }

    /// Whatever still can be read can be applied.
    @Test(arguments: changes) func aDamagedRecordDoesNotTrap(_ change: TreeChange) {
        let whole = record(change)
        for index in 8..<whole.readableBytes {
            for value: UInt8 in [0, 1, 7, 0x2f, 0x7f, 0x80, 0xff] {
                var damaged = whole
                damaged.setInteger(value, at: whole.readerIndex + index)
                do {
                    let record = try read(damaged)
                    var tree = ZNodes(ZNodesSettings())
                    var effects: [ZNodesEffect] = []
                    tree.apply(record, into: &effects)
                    #expect(tree.lastZxid == record.zxid)
                } catch {
                    #expect(error.position <= damaged.readableBytes)
                }
            }
        }
    }

    @Test func aMultiInAMultiIsRefused() {
        var nested = TreeChange.failed(.ok)
        for _ in 0..<1000 { nested = .multi([nested]) }
        let deep = record(nested)
        #expect(throws: MalformedInput.self) { try read(deep) }
        let twice = record(.multi([.multi([])]))
        #expect(throws: MalformedInput.self) { try read(twice) }
    }

    @Test(arguments: ["", "a", "/a/", "//", "/a/../b"]) func aRecordOfABrokenPathIsRefused(_ path: String) {
        #expect(throws: MalformedInput.self) { try read(record(.deleted(path: path))) }
        #expect(throws: MalformedInput.self) { try read(record(.sessionClosed(1, paths: ["/a", path]))) }
    }

    // MARK: Snapshots

    private func snapshot(_ prepare: (inout TestTree) -> Void) -> ByteBuffer {
        var tree = TestTree()
        prepare(&tree)
        var whole = ByteBuffer()
        for chunk in tree.tree.hard.snapshotChunks() { whole.writeImmutableBuffer(chunk) }
        return whole
    }

    private func load(_ bytes: ByteBuffer) throws(MalformedInput) -> TreeState {
        var loader = TreeLoader()
        try loader.load(bytes)
        return try loader.finish()
    }

    @Test func aSnapshotThatEndsEarlyIsRefused() throws {
        let whole = snapshot { _ = $0.create("/a", .ephemeral, data: "x") }
        _ = try load(whole)
        for length in 0..<whole.readableBytes {
            let short = try #require(whole.getSlice(at: whole.readerIndex, length: length))
            #expect(throws: MalformedInput.self) { try load(short) }
        }
    }

    @Test func aDamagedSnapshotDoesNotTrap() {
        let whole = snapshot { tree in
            _ = tree.create("/a", .ephemeral, data: "x")
            _ = tree.create("/t", .persistentWithTTL, ttl: 1)
        }
        var refused = 0
        for index in 0..<whole.readableBytes {
            for value: UInt8 in [0, 4, 0x2f, 0x80, 0xff] {
                var damaged = whole
                damaged.setInteger(value, at: whole.readerIndex + index)
                do {
                    var tree = ZNodes(ZNodesSettings(), restored: try load(damaged))
                    _ = tree.decide(.sessionClosed(1), at: TestTree().now)
                    tree.touchAllSessions(at: TestTree().now)
                } catch {
                    refused += 1
                }
            }
        }
        #expect(refused > whole.readableBytes)
    }

    @Test func anEphemeralNodeWithoutItsSessionIsRefused() {
        let whole = snapshot { tree in
            _ = tree.create("/a", .ephemeral, session: 2)
            var effects: [ZNodesEffect] = []
            // As a damaged log would have it: the session goes, and its node stays.
            let zxid = tree.tree.lastZxid + 1
            tree.tree.apply(TreeRecord(zxid: zxid, time: 0, change: .sessionClosed(2, paths: [])), into: &effects)
        }
        #expect(throws: MalformedInput.self) { try load(whole) }
    }

    @Test func anEmptySnapshotIsRefused() {
        var whole = ByteBuffer()
        for chunk in TreeState(lastZxid: 5).snapshotChunks() { whole.writeImmutableBuffer(chunk) }
        let empty = whole
        #expect(throws: MalformedInput.self) { try load(empty) }
    }
}
