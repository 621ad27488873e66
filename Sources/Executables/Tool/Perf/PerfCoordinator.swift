import ArgumentParser
import NIOCore
import ZooKeeperProtocol

/// `martlet perf coordinator`: creates, sets, gets and deletes a second, with so many requests on their way at a time.
struct PerfCoordinator: AsyncParsableCommand {
    enum Operation: String, ExpressibleByArgument, CaseIterable {
        case create, set, get, delete
    }

    static let configuration = CommandConfiguration(
        commandName: "coordinator",
        abstract: "Creates, sets, gets and deletes a second of a coordinator, ours or Apache ZooKeeper.")

    @OptionGroup var load: CoordinatorLoad

    @Option(help: "Requests of each kind, over all sessions; as many nodes.")
    var requests = 100_000

    @Option(help: "Requests on their way at a time, of each session.")
    var outstanding = 100

    @Option(help: "Bytes of data in each node.")
    var size = 100

    @Option(parsing: .upToNextOption, help: "What is done, in this order.")
    var operations = Operation.allCases

    @Option(help: "The node below which all happens. It is made when it is not there, and deleted if nodes are.")
    var folder = "/martlet-perf"

    @Option(help: "The coordinator's process on this machine, to be told what each kind costs it.")
    var pid: Int32?

    func validate() throws {
        guard requests > 0, outstanding > 0, load.sessions > 0, (0...1 << 20).contains(size) else {
            throw ValidationError("Numbers have to be positive, and --size at most 1048576.")
        }
    }

    func run() async throws {
        let clock = try pid.map { try ProcessClock(pid: $0) }
        try await load.withSessions { sessions in
            let (folder, data) = (folder, ByteBuffer(repeating: 0x78, count: size))
            @Sendable func create(_ path: String, _ data: ByteBuffer?) -> ZooKeeperRequest {
                .change(.create(CreateOperation(path: path, data: data, acl: ACL.open, mode: .persistent)))
            }
            if try await !exists(folder, sessions[0]) {
                _ = try await sessions[0].perform(0..<1, outstanding: 1) { _ in create(folder, nil) }.get()
            }
            for operation in operations {
                try await measure(operation, sessions, clock) { number in
                    let path = "\(folder)/n\(number)"
                    return switch operation {
                    case .create: create(path, data)
                    case .set: .change(.setData(path: path, data: data, version: -1))
                    case .get: .getData(path: path, watch: false)
                    case .delete: .change(.delete(path: path, version: -1))
                    }
                }
            }
            if operations.contains(.delete) {
                let delete = ZooKeeperRequest.change(.delete(path: folder, version: -1))
                _ = try await sessions[0].perform(0..<1, outstanding: 1) { _ in delete }.get()
            }
        }
    }

    private func exists(_ path: String, _ session: LoadSession) async throws -> Bool {
        do {
            _ = try await session.perform(0..<1, outstanding: 1) { _ in .exists(path: path, watch: false) }.get()
            return true
        } catch LoadFailure.refused(.noNode) {
            return false
        }
    }

    /// Sends all requests, and says how many a second were answered, how long they took and what they cost.
    private func measure(
        _ operation: Operation, _ sessions: [LoadSession], _ clock: ProcessClock?,
        _ request: @escaping @Sendable (Int) -> ZooKeeperRequest
    ) async throws {
        let costBefore = try clock?.seconds()
        let start = ContinuousClock.now
        let share = (requests + sessions.count - 1) / sessions.count
        let runs = sessions.enumerated().compactMap { index, session -> EventLoopFuture<LatencyRecord>? in
            let numbers = index * share..<max(index * share, min((index + 1) * share, requests))
            return numbers.isEmpty ? nil : session.perform(numbers, outstanding: outstanding, request)
        }
        var latencies = LatencyRecord()
        for run in runs { latencies.add(try await run.get()) }
        let seconds = start.duration(to: .now) / .seconds(1)
        var line = "\(operation): \(requests) requests, \(Int(Double(requests) / seconds)) requests/sec, "
        line += "\(outstanding) on their way of each of \(sessions.count) sessions: "
        let percentiles = latencies.percentiles([0.5, 0.99]).map { Figure.text($0, places: 2) }
        line += "\(percentiles[0]) ms 50th, \(percentiles[1]) ms 99th, "
        line += "\(Figure.text(latencies.maximumInMilliseconds, places: 2)) ms max"
        if let clock, let costBefore {
            let cost = (try clock.seconds() - costBefore) / Double(requests) * 100_000
            line += ", \(Figure.text(cost, places: 3)) CPU-s/100k"
        }
        print(line)
    }
}
