import ArgumentParser
import NIOCore
import ZooKeeperProtocol

/// `martlet perf watches`: how long it takes to tell many sessions of one change.
struct PerfWatches: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watches", abstract: "Measure how long a change takes to reach all sessions that watch a node.")

    @OptionGroup var load: CoordinatorLoad

    @Option(help: "Changes, one after the other; before each, all sessions watch anew.")
    var changes = 10

    @Option(help: "The node that is watched; it is made and deleted.")
    var path = "/martlet-perf-watched"

    func validate() throws {
        guard changes > 0, load.sessions > 0 else { throw ValidationError("Numbers have to be positive.") }
    }

    func run() async throws {
        let began = ContinuousClock.now
        try await load.withSessions { sessions in
            let opening = Figure.text(began.duration(to: .now) / .seconds(1), places: 2)
            print("\(sessions.count) sessions opened in \(opening) s")
            let path = path
            let create = CreateOperation(path: path, data: nil, acl: ACL.open, mode: .persistent)
            try await ask(.change(.create(create)), [sessions[0]])
            var latencies = LatencyRecord()
            for _ in 0..<changes {
                let events = sessions.map { $0.nextEvent() }
                try await ask(.getData(path: path, watch: true), sessions)
                let start = NIODeadline.now()
                try await ask(.change(.setData(path: path, data: ByteBuffer(), version: -1)), [sessions[0]])
                var last = start
                for event in events { last = max(last, try await event.get()) }
                latencies.add(milliseconds: Double((last - start).nanoseconds) / 1_000_000)
            }
            let median = Figure.text(latencies.percentiles([0.5])[0], places: 2)
            let maximum = Figure.text(latencies.maximumInMilliseconds, places: 2)
            print(
                "\(changes) changes to \(sessions.count) sessions: last event after \(median) ms 50th, \(maximum) ms max"
            )
            try await ask(.change(.delete(path: path, version: -1)), [sessions[0]])
        }
    }

    /// Asks each session the same.
    private func ask(_ request: ZooKeeperRequest, _ sessions: [LoadSession]) async throws {
        for answer in sessions.map({ $0.perform(0..<1, outstanding: 1) { _ in request } }) {
            _ = try await answer.get()
        }
    }
}
