import NIOCore
import Testing
import WireCoding
import ZooKeeperProtocol

private let requests: [ZooKeeperRequest] = {
    var paths = WatchedPaths(relativeZxid: 7)
    paths.data = ["/a", "/b"]
    paths.child = ["/c"]
    var persistent = paths
    persistent.persistent = ["/p"]
    persistent.persistentRecursive = ["/r"]
    let create = CreateOperation(
        path: "/n", data: ByteBuffer(string: "x"), acl: ACL.open, mode: .ephemeralSequential)
    let operations: [Operation] = [
        .create(create), .create2(create), .delete(path: "/d", version: 1),
        .setData(path: "/s", data: nil, version: -1), .check(path: "/k", version: 3),
        .createTTL(CreateOperation(path: "/t", data: nil, acl: [], mode: .persistentWithTTL, ttl: 9)),
        .createContainer(CreateOperation(path: "/c", data: ByteBuffer(), acl: ACL.open, mode: .container)),
    ]
    return operations.filter { $0.opCode != .check }.map { .change($0) } + [
        .multi(operations), .multi([]), .multiRead([.getData(path: "/x"), .getChildren(path: "/y")]),
        .exists(path: "/é", watch: true), .getData(path: "/", watch: false), .getACL(path: "/a"),
        .setACL(path: "/a", acl: ACL.open, version: 2), .getChildren(path: "/a", watch: true),
        .getChildren2(path: "/a", watch: false), .sync(path: "/"), .ping,
        .reconfig(joining: nil, leaving: "1,2", newMembers: "", version: -1), .checkWatches(path: "/a", type: 3),
        .removeWatches(path: "/a", type: 1), .auth(scheme: "digest", credentials: ByteBuffer(string: "u:p")),
        .setWatches(paths), .setWatches2(persistent), .sasl(token: nil), .getEphemerals(prefix: "/e"),
        .getAllChildrenNumber(path: "/"), .addWatch(path: "/w", mode: 1), .whoAmI, .closeSession,
    ]
}()

private func bytes(_ write: (inout WireWriter) -> Void) -> ByteBuffer {
    var writer = WireWriter()
    write(&writer)
    return writer.buffer()
}

private func readBack(_ opCode: OpCode, _ bytes: ByteBuffer) throws(MalformedInput) -> ZooKeeperRequest? {
    try WireReader.read(bytes) { reader throws(MalformedInput) in
        let request = try ZooKeeperRequest(opCode, reading: &reader)
        try reader.finish()
        return request
    }
}

@Suite struct RoundTripTests {
    @Test(arguments: requests) func requestsComeBack(request: ZooKeeperRequest) throws {
        let back = try readBack(request.opCode, bytes { request.write(to: &$0) })
        #expect(back == request)
    }

    @Test(arguments: requests) func requestsCutShortAreRefused(request: ZooKeeperRequest) throws {
        let whole = bytes { request.write(to: &$0) }
        for length in 0..<whole.readableBytes {
            let cut = try #require(whole.getSlice(at: 0, length: length))
            #expect(throws: MalformedInput.self) { try readBack(request.opCode, cut) }
        }
    }

    @Test func resultsOfAMultiComeBack() throws {
        var stat = Stat()
        stat.czxid = 5
        let results: [OperationResult] = [
            .created(path: "/a"), .created2(path: "/b", stat), .deleted, .dataSet(stat), .checked,
            .failed(.noNode), .data(nil, stat), .children(["x"]),
        ]
        let back = try WireReader.read(bytes { ZooKeeperReply.results(results).write(to: &$0) }) {
            reader throws(MalformedInput) in try ZooKeeperReply(to: .multi, reading: &reader)
        }
        #expect(back == .results(results))
    }

    /// As Apache ZooKeeper 3.9.5 answers a multi whose second operation failed.
    @Test func failedMultiAsRecorded() {
        let results: [OperationResult] = [
            .failed(.ok), .failed(.noNode), .failed(.runtimeInconsistency),
        ]
        let written = bytes { ZooKeeperReply.results(results).write(to: &$0) }
        let recorded: [UInt32] = [0xffff_ffff, 0, 0]
        #expect(written.readableBytes == 3 * 13 + 9)
        #expect(written.getInteger(at: 0, as: UInt32.self) == recorded[0])
        #expect(written.getInteger(at: 5, as: UInt32.self) == recorded[1])
        #expect(written.getInteger(at: 13 + 5, as: UInt32.self) == 0xffff_ff9b)
        #expect(written.getInteger(at: 13 + 9, as: UInt32.self) == 0xffff_ff9b)
        #expect(written.getInteger(at: 39 + 4, as: UInt8.self) == 1)
    }

    @Test func countsBeyondTheFrameAreRefused() {
        for count in [Int32.max, -2, 1000] {
            let lying = bytes {
                $0.int64(0)
                $0.int32(count)
            }
            #expect(throws: MalformedInput.self) { try readBack(.setWatches, lying) }
        }
    }

    @Test func handshakeWithoutTheReadOnlyByteIsRead() throws {
        var request = ConnectRequest(timeout: 10_000)
        request.readOnly = nil
        let back = try WireReader.read(bytes { request.write(to: &$0) }) { reader throws(MalformedInput) in
            try ConnectRequest(reading: &reader)
        }
        #expect(back.readOnly == nil)
        #expect(back.timeout == 10_000)
    }
}
