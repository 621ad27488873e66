import Testing
import ZooKeeperProtocol

@testable import CoordinatorServer
@testable import Telemetry

@Suite(.timeLimit(.minutes(1))) struct MetricsTests {
    private func page(of running: RunningServer, path: String = "/metrics") -> String {
        let client = BlockingClient(port: running.server?.metricsPort ?? 0)
        client.send(Array("GET \(path) HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".utf8))
        return client.receiveAll()
    }

    @Test func whatHappensIsCounted() async throws {
        let running = try await RunningServer { settings in
            settings.metrics = MetricsSettings(endpoint: .init(host: "127.0.0.1", port: 0))
            settings.fourLetterWords = [.mntr, .srst]
        }
        let client = running.client()
        _ = try client.connect()
        _ = try client.ask(.getChildren(path: "/", watch: true))
        _ = try client.ask(.exists(path: "/a", watch: true))
        // Each watch fires with the change before its answer.
        let create = CreateOperation(path: "/a", data: nil, acl: ACL.open, mode: .persistent)
        client.send(BlockingClient.request(.change(.create(create))))
        for _ in 0..<3 { _ = client.frame() }

        let page = page(of: running)
        #expect(page.hasPrefix("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"))
        let lines = page.split(separator: "\n")
        for line in [
            "packets_received 4.0", "packets_sent 6.0", "connection_request_count 1.0", "znode_count 6.0",
            "node_created_watch_count_sum 1.0", "node_children_watch_count_count 1", "readlatency_count 2",
            "updatelatency_count 2", "fsynctime_count 2", "sync_processor_batch_size_sum 2.0", "global_sessions 1.0",
        ] {
            #expect(lines.contains { $0 == line }, "\(line)")
        }
        #expect(lines.contains { $0.hasPrefix("process_resident_memory_bytes ") })
        #expect(self.page(of: running, path: "/other").hasPrefix("HTTP/1.1 404 "))

        let monitor = running.answer(to: "mntr").split(separator: "\n")
        #expect(monitor.contains("zk_cnt_fsynctime\t2") && monitor.contains("zk_connection_request_count\t1"))
        #expect(!monitor.contains { $0.hasPrefix("zk_synced_followers") })
        _ = running.answer(to: "srst")
        #expect(running.answer(to: "mntr").contains("zk_cnt_fsynctime\t0\n"))
        try await running.stop()
    }

    @Test func namesAreTheMetricsOwn() async throws {
        let running = try await RunningServer()
        let monitor = running.answer(to: "mntr").split(separator: "\n").map { $0.prefix { $0 != "\t" } }
        #expect(Set(monitor).count == monitor.count)
        try await running.stop()
    }

    @Test func withoutItsPortThereIsNoCoordinator() async throws {
        let first = try await RunningServer { settings in
            settings.metrics = MetricsSettings(endpoint: .init(host: "127.0.0.1", port: 0))
        }
        let port = first.server?.metricsPort ?? 0
        await #expect(throws: MetricsServer.Failure.self) {
            _ = try await RunningServer { settings in
                settings.metrics = MetricsSettings(endpoint: .init(host: "127.0.0.1", port: port))
            }
        }
        try await first.stop()
    }
}
