import ArgumentParser
import CoordinatorClient
import Logging
import NIOCore
import NIOPosix
import Security
import Settings
import Telemetry
import Transport
import ZooKeeperProtocol

/// `martlet perf coordinator`: creates, sets and gets a second, with so many requests on their way at a time.
struct PerfCoordinator: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "coordinator",
        abstract: "Creates, sets, gets and deletes a second of a coordinator, ours or Apache ZooKeeper.")

    @Option(help: "Where it is: host:port, or several of them, comma-separated.")
    var server = "localhost:2181"

    @Option(help: "Requests of each kind, over all sessions.")
    var requests = 100_000

    @Option(help: "Requests on their way at a time, of each session.")
    var outstanding = 100

    @Option(help: "Sessions, each with a connection of its own.")
    var sessions = 1

    @Option(help: "Bytes of data in each node.")
    var size = 100

    @Option(help: "A file with ssl.* keys, for a coordinator that is served over TLS.")
    var commandConfig: String?

    func validate() throws {
        guard requests > 0, outstanding > 0, sessions > 0, (0...1 << 20).contains(size) else {
            throw ValidationError("Numbers have to be positive, and --size at most 1048576.")
        }
    }

    func run() async throws {
        var settings = try CoordinatorSettings(connect: server)
        let logger = Logger(label: "perf") { LogLines(component: $0, level: .warning) }
        if let commandConfig {
            let file = try PropertiesFile(reading: commandConfig)
            let values = Dictionary(file.entries.map { ($0.key, $0.value) }) { $1 }
            settings.tls = try TLSContexts(TLSSettings { values[$0] }, role: .client, logger: logger)
        }
        var clients: [CoordinatorSession] = []
        for _ in 0..<sessions {
            let client = CoordinatorSession(
                settings, on: MultiThreadedEventLoopGroup.singleton, logger: logger, events: { _ in })
            try await client.start()
            clients.append(client)
        }
        let folder = "/martlet-perf-\(UInt64.random(in: .min ... .max))"
        _ = try await clients[0].perform(create(folder))
        let data = ByteBuffer(repeating: 0x78, count: size)
        try await measure("create", clients) { create("\(folder)/n\($0)", data) }
        try await measure("set", clients) { .change(.setData(path: "\(folder)/n\($0)", data: data, version: -1)) }
        try await measure("get", clients) { .getData(path: "\(folder)/n\($0)", watch: false) }
        try await measure("delete", clients) { .change(.delete(path: "\(folder)/n\($0)", version: -1)) }
        _ = try await clients[0].perform(.change(.delete(path: folder, version: -1)))
        for client in clients { await client.close() }
    }

    private func create(_ path: String, _ data: ByteBuffer? = nil) -> ZooKeeperRequest {
        .change(.create(CreateOperation(path: path, data: data, acl: ACL.open, mode: .persistent)))
    }

    /// Sends all requests and says how many a second were answered, and how long batches took.
    private func measure(
        _ name: String, _ clients: [CoordinatorSession], _ request: @escaping @Sendable (Int) -> ZooKeeperRequest
    ) async throws {
        let clock = ContinuousClock()
        let start = clock.now
        let share = (requests + sessions - 1) / sessions
        var latencies = try await withThrowingTaskGroup(of: [Duration].self) { group in
            for (index, client) in clients.enumerated() {
                let numbers = index * share..<min((index + 1) * share, max(requests, index * share))
                group.addTask { try await send(numbers, request, on: client) }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        let took = clock.now - start
        latencies.sort()
        let rate = Double(requests) / (took / .seconds(1))
        func milliseconds(_ share: Double) -> Double {
            let index = min(latencies.count - 1, Int(Double(latencies.count) * share))
            return (latencies[index] / .milliseconds(1) * 100).rounded() / 100
        }
        print(
            "\(name): \(requests) requests, \(Int(rate)) requests/sec, batches of \(outstanding): "
                + "\(milliseconds(0.5)) ms 50th, \(milliseconds(0.99)) ms 99th, \(milliseconds(1)) ms max")
    }

    /// Sends the requests of these numbers, a batch at a time; how long each batch took.
    private func send(
        _ numbers: Range<Int>, _ request: @Sendable (Int) -> ZooKeeperRequest, on client: CoordinatorSession
    ) async throws -> [Duration] {
        let clock = ContinuousClock()
        var latencies: [Duration] = []
        var first = numbers.lowerBound
        while first < numbers.upperBound {
            let batch = first..<min(first + outstanding, numbers.upperBound)
            let start = clock.now
            for result in await client.perform(batch.map(request)) { _ = try result.get() }
            latencies.append(clock.now - start)
            first = batch.upperBound
        }
        return latencies
    }
}
