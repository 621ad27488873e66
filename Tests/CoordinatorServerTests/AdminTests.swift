import Foundation
import NIOPosix
import Testing
import ZooKeeperProtocol

@testable import CoordinatorServer

@Suite(.timeLimit(.minutes(1))) struct AdminTests {
    private func running(_ change: (inout CoordinatorSettings) -> Void = { _ in }) async throws -> RunningServer {
        try await RunningServer { settings in
            settings.admin = AdminSettings(endpoint: .init(host: "127.0.0.1", port: 0))
            change(&settings)
        }
    }

    /// The whole answer, head included.
    private func get(_ path: String, of running: RunningServer, method: String = "GET") -> String {
        let client = BlockingClient(port: running.server?.adminPort ?? 0)
        client.send(Array("\(method) \(path) HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".utf8))
        return client.receiveAll()
    }

    private func json(_ path: String, of running: RunningServer) throws -> [String: Any] {
        let answer = get("/commands/" + path, of: running)
        #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"))
        let body = try #require(answer.range(of: "\r\n\r\n")).upperBound
        let object = try JSONSerialization.jsonObject(with: Data(answer[body...].utf8))
        return try #require(object as? [String: Any])
    }

    @Test func commandsAnswerInZooKeepersFields() async throws {
        let running = try await running { $0.allowsTTL = true }
        let client = running.client()
        let session = try #require(try client.connect()).sessionID
        let create = CreateOperation(path: "/mine", data: nil, acl: ACL.open, mode: .ephemeral)
        _ = try client.ask(.change(.create(create)))
        _ = try client.ask(.getData(path: "/mine", watch: true))

        let statistics = try json("srvr", of: running)
        #expect(statistics["command"] as? String == "server_stats" && statistics["error"] is NSNull)
        #expect(statistics["node_count"] as? Int == 6 && statistics["read_only"] as? Bool == false)
        let inner = try #require(statistics["server_stats"] as? [String: Any])
        #expect(inner["server_state"] as? String == "standalone" && inner["last_processed_zxid"] as? Int == 2)
        #expect(inner["packets_received"] as? Int == 3 && inner["num_alive_client_connections"] as? Int == 1)
        let sizes = try #require(inner["client_response_stats"] as? [String: Any])
        #expect(sizes["min_buffer_size"] as? Int == 25 && (sizes["max_buffer_size"] as? Int ?? 0) > 84)

        let connections = try #require(try json("cons", of: running)["connections"] as? [Any])
        let connection = try #require(connections.first as? [String: Any])
        #expect(connections.count == 1 && connection["session_id"] as? Int == Int(session))
        #expect(connection["last_operation"] as? String == "GETD" && connection["session_timeout"] as? Int == 10000)
        let dump = try json("dump", of: running)
        #expect((dump["session_id_to_ephemeral_paths"] as? [String: [String]]) == ["\(session)": ["/mine"]])
        #expect((dump["expiry_time_to_session_ids"] as? [String: [Int]])?.values.first == [Int(session)])
        let watches = try json("watches", of: running)["session_id_to_watched_paths"]
        #expect(watches as? [String: [String]] == ["\(session)": ["/mine"]])
        let watchers = try json("wchp", of: running)["path_to_session_ids"]
        #expect(watchers as? [String: [Int]] == ["/mine": [Int(session)]])
        #expect(try json("wchs", of: running)["num_total_watches"] as? Int == 1)
        #expect(try json("monitor", of: running)["ephemerals_count"] as? Int == 1)
        #expect(try json("conf", of: running)["client_port"] as? Int == running.server?.plaintextPort)
        try await running.stop()
    }

    @Test func everyCommandIsListedAndAnswered() async throws {
        let running = try await running()
        let list = get("/commands", of: running)
        for command in AdminCommand.allCases where !command.movesState {
            let link = "<a href=\"/commands/\(command.rawValue)\">\(command.rawValue)</a>\n<br/>\n"
            #expect(list.contains(link))
            for name in [command.rawValue] + command.shortNames {
                let fields = try json("\(name)?traceMask=7", of: running)
                let isRefused = command == .leader
                #expect(fields["command"] as? String == (isRefused ? name : command.rawValue))
                #expect((fields["error"] as? String) == (isRefused ? "server is not initialized" : nil))
            }
        }
        #expect(try json("gtmk", of: running)["tracemask"] as? Int == 7)
        #expect(try json("stmk", of: running)["error"] as? String == "setTraceMask requires long traceMask argument")
        try await running.stop()
    }

    @Test func whatIsNotThereIsSaidSo() async throws {
        let running = try await running { $0.admin?.commandPath = "/zk" }
        #expect(get("/zk/nope", of: running).contains("\"error\" : \"Unknown command: nope\""))
        #expect(get("/zkx", of: running).hasPrefix("HTTP/1.1 404 "))
        #expect(get("/commands", of: running).hasPrefix("HTTP/1.1 404 "))
        #expect(get("/zk/ruok", of: running, method: "DELETE").hasPrefix("HTTP/1.1 405 "))
        try await running.stop()
    }

    @Test func statisticsAreReset() async throws {
        let running = try await running()
        let client = running.client()
        _ = try client.connect()
        _ = try json("stat_reset", of: running)
        _ = try json("crst", of: running)
        let statistics = try json("stats", of: running)
        #expect((statistics["server_stats"] as? [String: Any])?["packets_received"] as? Int == 0)
        let connection = (statistics["connections"] as? [Any])?.first as? [String: Any]
        #expect(connection?["packets_received"] as? Int == 0)
        try await running.stop()
    }

    @Test func healthIsWhetherClientsAreServed() async throws {
        let running = try await running()
        for path in ["/health", "/health/ready", "/health/live"] {
            let answer = get(path, of: running)
            #expect(answer.hasPrefix("HTTP/1.1 200 OK") && answer.contains("\"role\" : \"standalone\""))
        }
        #expect(get("/health/other", of: running).hasPrefix("HTTP/1.1 404 "))
        try await running.stop()
    }

    @Test func readyIsMoreThanAlive() {
        func statuses(_ condition: Health.Condition?) -> [Int] {
            [Health.ready, .live].map { $0.answer(condition).status }
        }
        #expect(statuses(.init(role: .follower, hasRoom: true)) == [200, 200])
        #expect(statuses(.init(role: .looking, hasRoom: true)) == [503, 200])
        #expect(statuses(.init(role: .standalone, hasRoom: false)) == [503, 200])
        #expect(statuses(nil) == [503, 503])
        #expect(Health.ready.answer(.init(role: .standalone, hasRoom: false)).body.contains("the disk is full"))
    }

    @Test func aPortInUseIsAWarning() async throws {
        let first = try await running()
        let port = try #require(first.server?.adminPort)
        let second = try await running { $0.admin?.endpoint.port = port }
        #expect(second.server?.adminPort == nil)
        #expect(second.lines.all.contains { $0.hasPrefix("warning: no AdminServer on 127.0.0.1:\(port): ") })
        #expect(second.answer(to: "ruok") == "imok")
        try await first.stop()
        try await second.stop()
    }
}
