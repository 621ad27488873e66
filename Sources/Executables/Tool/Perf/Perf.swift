import ArgumentParser

/// `martlet perf`: what servers bear.
struct Perf: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure servers under load.",
        subcommands: [PerfProduce.self, PerfConsume.self, PerfEndToEnd.self, PerfCoordinator.self, PerfWatches.self])
}
