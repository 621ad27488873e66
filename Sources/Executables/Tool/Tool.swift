import ArgumentParser
import Settings

/// Every tool of Martlet's; each subcommand has a file of its own.
@main
struct Tool: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martlet",
        abstract: "Tools for Martlet's and Apache Kafka's clusters.",
        version: Release.version,
        subcommands: [
            DumpLog.self, Topics.self, Configs.self, Reassign.self, ElectLeaders.self, Acls.self, Produce.self,
            Consume.self,
            GroupsCommand.self, MirrorCommand.self, CoordinatorCommand.self,
            ZooKeeperShell.self, Perf.self, Wire.self,
        ])
}
