import CoordinatorKernel
import Platform
import Testing
import ZNodes
import ZooKeeperProtocol

@testable import CoordinatorServer

@Suite(.timeLimit(.minutes(1))) struct WordTests {
    @Test func wordsAreAnsweredInZooKeepersLayouts() async throws {
        let running = try await RunningServer()
        let client = running.client()
        let session = try #require(try client.connect()).sessionID
        let create = CreateOperation(path: "/mine", data: nil, acl: ACL.open, mode: .ephemeral)
        _ = try client.ask(.change(.create(create)))
        _ = try client.ask(.getData(path: "/mine", watch: true))
        let sid = "0x" + String(session, radix: 16)

        #expect(running.answer(to: "ruok") == "imok")
        #expect(running.answer(to: "isro") == "rw")
        #expect(running.answer(to: "wchs") == "1 connections watching 1 paths\nTotal watches:1\n")
        let server = running.answer(to: "srvr").split(separator: "\n")
        #expect(server.first?.hasPrefix("Zookeeper version: 3.9.5-") == true)
        #expect(server.contains("Received: 3") && server.contains("Sent: 3"))
        #expect(server.suffix(3) == ["Zxid: 0x2", "Mode: standalone", "Node count: 6"])
        #expect(running.answer(to: "stat").contains("\nClients:\n /127.0.0.1:"))
        let monitor = running.answer(to: "mntr").split(separator: "\n")
        #expect(monitor.contains("zk_znode_count\t6") && monitor.contains("zk_ephemerals_count\t1"))
        #expect(monitor.contains("zk_watch_count\t1") && monitor.contains("zk_server_state\tstandalone"))
        let connection = running.answer(to: "cons")
        #expect(connection.contains("(queued=0,recved=3,sent=3,sid=\(sid),lop=GETD,est="))
        #expect(connection.contains(",to=10000,lcxid=0x1,lzxid=0x2,lresp="))
        #expect(running.answer(to: "dump").contains("Sessions with Ephemerals (1):\n\(sid):\n\t/mine\n"))
        #expect(running.answer(to: "conf").contains("\ndataDir=\(running.directory)\n"))
        #expect(running.answer(to: "envi").contains("\nzookeeper.version=3.9.5-"))
        try await running.stop()
    }

    @Test func theTraceMaskIsSetAndTold() async throws {
        let running = try await RunningServer { $0.fourLetterWords = [.gtmk, .stmk, .hash] }
        #expect(running.answer(to: "gtmk") == "306")
        #expect(running.answer(to: "stmk\0\0\0\0\0\0\u{1}\u{2}more") == "258")
        let client = running.client()
        client.send(Array("stmk\0\0\0".utf8))
        #expect(running.answer(to: "gtmk") == "258")
        client.send(Array("\0\0\0\0\u{7}".utf8))
        #expect(client.receiveAll() == "7" && running.answer(to: "gtmk") == "7")
        #expect(running.answer(to: "hash").isEmpty)
        try await running.stop()
    }

    @Test func aLeaderTellsMoreThanOthers() throws {
        var settings = CoordinatorSettings(plaintext: nil, dataDirectory: "/d")
        settings.fourLetterWords = []
        let answers = WordAnswers(surroundings: Surroundings(settings: settings, fileSystem: PosixFileSystem()))
        var status = CoordinatorKernel(
            KernelSettings(sessionSecret: [UInt8](repeating: 7, count: SessionSecret.size)),
            restored: RestoredTree(ZNodesSettings()), at: SystemClock().now()
        ).status()
        for (role, mode) in [(CoordinatorRole.follower, "follower"), (.observer, "observer"), (.readOnly, "read-only")]
        {
            status.role = role
            #expect(answers.server(status, clients: nil).hasSuffix("Mode: \(mode)\nNode count: 5\n"))
        }
        #expect(CoordinatorRole.readOnly.isReadOnly && !CoordinatorRole.looking.isServing)
    }

    @Test func wordsThatAreNotEnabledSaySo() async throws {
        let running = try await RunningServer { $0.fourLetterWords = [.ruok] }
        #expect(
            running.answer(to: "mntr") == "mntr is not executed because it is not in the whitelist.\n")
        #expect(running.answer(to: "ruok") == "imok")
        try await running.stop()
    }
}
