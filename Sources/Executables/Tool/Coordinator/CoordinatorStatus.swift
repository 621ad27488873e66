import ArgumentParser
import CoordinatorClient
import FoundationEssentials
import NIOPosix

/// `martlet coordinator status`: what the servers of an ensemble say of themselves, and whether that is well.
struct CoordinatorStatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Ask coordinators how they are, and judge whether all is well.",
        discussion: """
            Asks by the words srvr and mntr, which ZooKeeper's whitelist has to allow; without mntr the number of \
            sessions is unknown. The exit code is 0 when all is well, 1 when clients are served but something is \
            wrong, and 2 when nobody takes changes.
            """)

    @Option(name: [.customLong("server"), .customLong("bootstrap-server")], help: "All servers: host:port,host:port.")
    var server: String
    @Option(help: "How long a server may take to answer, in seconds.") var timeout = 5.0
    @Flag(help: "Print JSON.") var json = false

    private struct Answer: Encodable {
        var servers: [ServerReport]
        var health: EnsembleHealth
    }

    func validate() throws {
        if timeout <= 0 { throw ValidationError("--timeout must be above 0") }
        for address in addresses where address.port == nil {
            throw ValidationError("'\(address.text)' is not host:port")
        }
        if addresses.isEmpty { throw ValidationError("--server names no server") }
    }

    func run() async throws {
        let reports = await withTaskGroup(of: (Int, ServerReport).self) { group in
            for (place, address) in addresses.enumerated() {
                group.addTask { (place, await report(address.text, host: address.host, port: address.port ?? 0)) }
            }
            var reports: [(Int, ServerReport)] = []
            for await report in group { reports.append(report) }
            return reports.sorted { $0.0 < $1.0 }.map(\.1)
        }
        let health = EnsembleHealth(reports)
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
            print(String(decoding: try encoder.encode(Answer(servers: reports, health: health)), as: UTF8.self))
        } else {
            Table.print(Self.rows(reports))
            for finding in health.findings { print(finding) }
            print(health.verdict.rawValue)
        }
        switch health.verdict {
        case .healthy: return
        case .degraded: throw ExitCode(1)
        case .unavailable: throw ExitCode(2)
        }
    }

    private func report(_ text: String, host: String, port: Int) async -> ServerReport {
        func ask(_ word: String) async throws -> String {
            try await FourLetterQuestion.ask(
                word, host: host, port: port, timeout: .milliseconds(Int64(timeout * 1000)),
                on: MultiThreadedEventLoopGroup.singleton)
        }
        do {
            let srvr = try await ask("srvr")
            return ServerReport(server: text, srvr: srvr, mntr: try await ask("mntr"))
        } catch {
            return ServerReport(server: text, unreachable: "\(error)")
        }
    }

    static func rows(_ reports: [ServerReport]) -> [[String]] {
        func text<Value>(_ value: Value?) -> String { value.map { "\($0)" } ?? "-" }
        var rows = [["SERVER", "STATE", "MODE", "EPOCH", "ZXID", "SESSIONS", "NODES", "OUTSTANDING", "LATENCY-MS"]]
        for report in reports {
            rows.append([
                report.server, report.state.rawValue, text(report.mode), text(report.epoch),
                text(report.zxid.map { "0x" + String($0, radix: 16) }), text(report.sessions), text(report.nodes),
                text(report.outstanding),
                text(report.latency.map { "\($0.minimum)/\($0.average)/\($0.maximum)" }),
            ])
        }
        return rows
    }

    private var addresses: [(text: String, host: String, port: Int?)] {
        server.split(separator: ",").map { part in
            let colon = part.lastIndex(of: ":") ?? part.startIndex
            let host = part[..<colon].filter { $0 != "[" && $0 != "]" }
            let port = Int(part[colon...].dropFirst()).flatMap { (1...65535).contains($0) ? $0 : nil }
            return (String(part), host, host.isEmpty ? nil : port)
        }
    }
}
