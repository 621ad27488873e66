import CoordinatorClient
import Glibc
import Testing
import ZooKeeperProtocol

@testable import Tool

/// What the shell prints and reads, in zkCli's words.
@Suite struct ShellTextTests {
    @Test func aStatIsElevenLines() {
        var stat = Stat()
        stat.czxid = 0x10_0000_0002
        stat.mzxid = 5
        stat.pzxid = -1
        stat.ephemeralOwner = Int64.min
        stat.version = 3
        stat.dataLength = 7
        let lines = StatText.lines(stat)
        #expect(
            lines.map { String($0.prefix { $0 != " " }) } == [
                "cZxid", "ctime", "mZxid", "mtime", "pZxid", "cversion", "dataVersion", "aclVersion", "ephemeralOwner",
                "dataLength", "numChildren",
            ])
        #expect(lines[0] == "cZxid = 0x1000000002")
        #expect(lines[4] == "pZxid = 0xffffffffffffffff")
        #expect(lines[6] == "dataVersion = 3")
        #expect(lines[8] == "ephemeralOwner = 0x8000000000000000")
        #expect(lines[9] == "dataLength = 7")
    }

    @Test func timesAreWrittenAsJavaWritesThem() {
        var seconds = time_t(1_795_271_226)
        var parts = tm()
        localtime_r(&seconds, &parts)
        let zone = String(cString: parts.tm_zone)
        let text = StatText.time(1_795_271_226_789)
        #expect(text.hasSuffix(" \(zone) 2026"))
        if zone == "UTC" { #expect(text == "Sat Nov 21 14:27:06 UTC 2026") }
    }

    @Test func accessListsAreReadAndWritten() throws {
        let text = "world:anyone:r,digest:user:aB3=:cdrwa,ip:10.0.0.0/8:cw,x509:CN=a:r"
        let list = try ACLText.parse(text)
        #expect(list.map(\.id.id) == ["anyone", "user:aB3=", "10.0.0.0/8", "CN=a"])
        #expect(
            ACLText.lines(list) == [
                "'world,'anyone", ": r", "'digest,'user:aB3=", ": cdrwa", "'ip,'10.0.0.0/8", ": cw", "'x509,'CN=a",
                ": r",
            ])
    }

    @Test(arguments: [
        ("foo", "foo does not have the form scheme:id:perm"),
        ("world:anyone", "world:anyone does not have the form scheme:id:perm"),
        ("world:anyone:r,", " does not have the form scheme:id:perm"),
        ("world:anyone:rx", "Unknown perm type: x"),
    ])
    func badAccessListsAreRefusedWhole(text: String, complaint: String) {
        #expect(throws: ShellFailure(complaint)) { try ACLText.parse(text) }
    }

    @Test(arguments: [
        ("", "Path length must be > 0"), ("a", "Path must start with / character"),
        ("/a/", "Path must not end with / character"), ("//", "Path must not end with / character"),
        ("/a//b", "Invalid path string \"/a//b\" caused by empty node name specified @3"),
        ("/a/../b", "Invalid path string \"/a/../b\" caused by relative paths not allowed @4"),
        ("/b/./c", "Invalid path string \"/b/./c\" caused by relative paths not allowed @3"),
        ("/a/.", "Invalid path string \"/a/.\" caused by relative paths not allowed @3"),
        ("/a\u{0}b", "Invalid path string \"/a\u{0}b\" caused by null character not allowed @2"),
        ("/a\u{7f}", "Invalid path string \"/a\u{7f}\" caused by invalid character @2"),
    ])
    func badPathsAreRefused(path: String, complaint: String) {
        #expect(throws: ShellFailure(complaint)) { try ShellPath.check(path) }
    }

    @Test(arguments: ["/", "/a", "/a/...", "/.a/b..", "/ä ö"])
    func goodPathsPass(path: String) throws { try ShellPath.check(path) }

    @Test func aPrefixOfSequentialNodesMayBeEmpty() throws {
        try ShellPath.check("/a/", isPrefix: true)
        #expect(ShellPath.parent(of: "/a/b") == "/a")
        #expect(ShellPath.parent(of: "/a") == "/")
        #expect(ShellPath.parent(of: "/") == nil)
    }

    @Test func quotasAreReadAndWritten() {
        let text = "count=3,bytes=-1=;byteHardLimit=7;countHardLimit=-1"
        var quota = QuotaText(text)
        #expect(quota.text == text)
        #expect(QuotaText("count=3,bytes=5").text == "count=3,bytes=5=;byteHardLimit=-1;countHardLimit=-1")
        #expect(QuotaText("rubbish;count=x,,=").text == QuotaText().text)
        quota.count = 10
        #expect(
            quota.warnings(use: QuotaText("count=9,bytes=8")) == [
                "[Warning]: the bytes quota you create is less than the existing bytes:8"
            ])
    }

    @Test func whereClientsConnectIsReadFromAConfiguration() {
        let text = """
            server.1=10.0.0.1:2888:3888:participant;0.0.0.0:2181
            server.2=10.0.0.2:2888:3888:participant;2182
            server.3=10.0.0.3:2888:3888:observer
            version=100000003
            """
        #expect(EnsembleText.clients(text) == "100000003 0.0.0.0:2181,0.0.0.0:2182")
        #expect(EnsembleText.clients("") == " ")
        #expect(
            EnsembleText.members(file: " server.1=a:1:2;3 \n# server.9=x\nserver.2=b:1:2;3\nversion=5")
                == "server.1=a:1:2;3,server.2=b:1:2;3")
    }

    @Test func bytesAreShownAsATable() {
        #expect(
            HexText.lines(Array("hello\n".utf8) + Array(repeating: 0xff, count: 11)) == [
                "         +-------------------------------------------------+",
                "         |  0  1  2  3  4  5  6  7  8  9  a  b  c  d  e  f |",
                "+--------+-------------------------------------------------+----------------+",
                "|00000000| 68 65 6c 6c 6f 0a ff ff ff ff ff ff ff ff ff ff |hello...........|",
                "|00000010| ff                                              |.               |",
                "+--------+-------------------------------------------------+----------------+",
            ])
        #expect(HexText.lines([]).isEmpty)
    }

    @Test(
        arguments: [
            (CoordinatorError.refused(.noNode, operation: 0), "/a", "Node does not exist: /a"),
            (.refused(.nodeExists, operation: 0), "/a", "Node already exists: /a"),
            (.refused(.badVersion, operation: 0), "/a", "version No is not valid : /a"),
            (.refused(.noWatcher, operation: 0), "/a", "KeeperErrorCode = No such watcher for /a"),
            (.refused(.unimplemented, operation: 0), nil, "KeeperErrorCode = Unimplemented"),
            (.refused(ZooKeeperError(rawValue: -99), operation: 0), "/a", "KeeperErrorCode = Unknown error -99 for /a"),
            (.connectionLost("why"), "/a", "KeeperErrorCode = ConnectionLoss for /a: why"),
            (.sessionExpired, "/a", "KeeperErrorCode = Session expired for /a"),
        ] as [(CoordinatorError, String?, String)])
    func failuresAreSaidAsZkCliSaysThem(error: CoordinatorError, path: String?, text: String) {
        #expect(ShellFailure(error, at: path).description == text)
    }
}
