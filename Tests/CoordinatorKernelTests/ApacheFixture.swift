import FoundationEssentials
import NIOCore
import Seams
import Simulation
import Testing
import ZNodes
import ZooKeeperProtocol

@testable import CoordinatorKernel

/// A data directory of Apache ZooKeeper in `Fixtures`, on a simulated disk, and what its clients saw last.
struct ApacheFixture {
    struct Expected: Decodable {
        struct Session: Decodable {
            var password: String
            var timeout: Int32
        }

        struct Node: Decodable {
            var path: String
            var data: String?
            var czxid, mzxid, pzxid, ctime, mtime, owner: Int64
            var version, cversion, aversion, children: Int32
            var acl: [[String]]

            enum CodingKeys: CodingKey {
                case path, data, czxid, mzxid, pzxid, ctime, mtime, owner, version, cversion, aversion, children, acl
            }

            init(from decoder: any Decoder) throws {
                let fields = try decoder.container(keyedBy: CodingKeys.self)
                path = try fields.decode(String.self, forKey: .path)
                data = try fields.decodeIfPresent(String.self, forKey: .data)
                czxid = try fields.decode(Int64.self, forKey: .czxid)
                mzxid = try fields.decode(Int64.self, forKey: .mzxid)
                pzxid = try fields.decode(Int64.self, forKey: .pzxid)
                ctime = try fields.decode(Int64.self, forKey: .ctime)
                mtime = try fields.decode(Int64.self, forKey: .mtime)
                owner = try fields.decode(Int64.self, forKey: .owner)
                version = try fields.decode(Int32.self, forKey: .version)
                cversion = try fields.decode(Int32.self, forKey: .cversion)
                aversion = try fields.decode(Int32.self, forKey: .aversion)
                children = try fields.decode(Int32.self, forKey: .children)
                acl = []
                var entries = try fields.nestedUnkeyedContainer(forKey: .acl)
                while !entries.isAtEnd {
                    var entry = try entries.nestedUnkeyedContainer()
                    acl.append([
                        "\(try entry.decode(Int32.self))", try entry.decode(String.self), try entry.decode(String.self),
                    ])
                }
            }
        }

        var zxid: Int64
        var sessions: [Int64: Session]
        /// A list: to Swift two spellings of a letter are one.
        var nodes: [Node]

        enum CodingKeys: CodingKey { case zxid, sessions, nodes }

        init(from decoder: any Decoder) throws {
            let fields = try decoder.container(keyedBy: CodingKeys.self)
            zxid = try fields.decode(Int64.self, forKey: .zxid)
            nodes = try fields.decode([Node].self, forKey: .nodes)
            sessions = [:]
            for (id, session) in try fields.decode([String: Session].self, forKey: .sessions) {
                sessions[try #require(Int64(id))] = session
            }
        }
    }

    static let names = ["apache-plain", "apache-gzip", "apache-snappy"]

    let disk: SimulatedDisk
    let expected: Expected
    var settings = StorageSettings(snapshotDirectory: "/d", logDirectory: "/l")

    /// Puts the snapshots and the log where a server with a `dataLogDir` has them.
    init(_ name: String = "apache-plain", seed: UInt64 = 0) throws {
        let folder = "\(URL(filePath: #filePath).deletingLastPathComponent().path)/Fixtures/\(name)"
        disk = SimulatedDisk(seed: seed)
        expected = try JSONDecoder().decode(
            Expected.self, from: Data(contentsOf: URL(filePath: "\(folder)/expected.json")))
        for directory in ["/d", "/d/version-2", "/l", "/l/version-2"] { try disk.createDirectory(directory) }
        for name in try FileManager.default.contentsOfDirectory(atPath: "\(folder)/version-2") {
            let bytes = try Data(contentsOf: URL(filePath: "\(folder)/version-2/\(name)"))
            try write(ByteBuffer(bytes: bytes), to: "\(name.hasPrefix("log") ? "/l" : "/d")/version-2/\(name)")
        }
        for directory in ["/d/version-2", "/l/version-2", "/d", "/l", "/"] { try disk.synchronizeDirectory(directory) }
    }

    var storage: CoordinatorStorage { CoordinatorStorage(fileSystem: disk, settings: settings) }

    func recover() throws -> Recovery<RestoredTree> {
        var settings = ZNodesSettings()
        settings.checksACLs = false
        return try storage.recover { RestoredTree(settings) }
    }

    func write(_ bytes: ByteBuffer, to path: String) throws {
        let file = try disk.open(path, .readWrite)
        try file.truncate(to: 0)
        try file.write(bytes, at: 0)
        try file.synchronize()
    }

    func bytes(_ path: String) throws -> ByteBuffer {
        let file = try disk.open(path, .read)
        return try file.bytes(at: 0, count: file.size())
    }

    /// The files of Apache ZooKeeper, by their paths.
    func apacheFiles() throws -> [String: ByteBuffer] {
        var files: [String: ByteBuffer] = [:]
        for directory in ["/d/version-2", "/l/version-2"] {
            for name in try disk.list(directory) { files["\(directory)/\(name)"] = try bytes("\(directory)/\(name)") }
        }
        return files
    }

    /// Ascending.
    func logs() throws -> [(path: String, zxid: Int64)] { try files("/l/version-2") }

    /// Ascending.
    func snapshots() throws -> [(path: String, zxid: Int64)] { try files("/d/version-2") }

    private func files(_ directory: String) throws -> [(path: String, zxid: Int64)] {
        try disk.list(directory).map { name in
            switch ApacheFileName(name) {
            case .log(let zxid), .snapshot(let zxid, _): ("\(directory)/\(name)", zxid)
            case nil: throw Missing(path: name)
            }
        }.sorted { $0.1 < $1.1 }
    }

    /// Whether the tree is, node by node, what clients of Apache ZooKeeper saw.
    func check(_ recovery: Recovery<RestoredTree>) throws {
        let tree = recovery.state.tree
        #expect(recovery.lastZxid == expected.zxid)
        #expect(tree.sessions == expected.sessions.keys.sorted())
        for (id, session) in expected.sessions {
            #expect(tree.timeoutInMilliseconds(ofSession: id) == session.timeout)
        }
        // The root counts twice.
        #expect(tree.nodeCount == expected.nodes.count + 1)
        for node in expected.nodes {
            let path = node.path
            guard case .data(let data, let stat) = try answer(tree, .getData(path: path, watch: false)),
                case .acl(let acl, _) = try answer(tree, .getACL(path: path))
            else { throw Missing(path: path) }
            var wanted = Stat()
            wanted.czxid = node.czxid
            wanted.mzxid = node.mzxid
            wanted.pzxid = node.pzxid
            wanted.ctime = node.ctime
            wanted.mtime = node.mtime
            wanted.version = node.version
            wanted.cversion = node.cversion
            wanted.aversion = node.aversion
            wanted.ephemeralOwner = node.owner
            wanted.numChildren = node.children
            wanted.dataLength = Int32((node.data?.utf8.count ?? 0) / 2)
            #expect(stat == wanted, "\(path)")
            #expect(data.map { $0.readableBytesView.map { hex($0) }.joined() } == node.data, "\(path)")
            #expect(acl.map { ["\($0.permissions.rawValue)", $0.id.scheme, $0.id.id] } == node.acl, "\(path)")
        }
    }

    private struct Missing: Error { var path: String }

    private func hex(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }

    private func answer(_ tree: ZNodes, _ request: ZooKeeperRequest) throws -> ZooKeeperReply {
        var tree = tree
        let asked = TreeRequest(session: 0, watcher: Watcher(1), identities: [], request: request)
        let decision = tree.decide(.requested(asked), at: Instant(nanoseconds: 0, unixMilliseconds: 0))
        guard case .answer(let result)? = decision.effects.first else { throw Missing(path: "\(request)") }
        return try result.get()
    }
}
