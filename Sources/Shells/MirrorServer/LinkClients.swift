import Logging
import MartletClient
import NIOCore

/// The connections of one link. Long reads and writes have connections of their own, so that questions never wait
/// behind them.
struct LinkClients: Sendable {
    let source: KafkaClient
    let target: KafkaClient
    let sourceData: KafkaClient
    let targetData: KafkaClient

    init(
        source: ClientSettings, target: ClientSettings, on group: any EventLoopGroup, logger: Logger
    ) throws {
        func client(_ settings: ClientSettings) throws -> KafkaClient {
            var settings = settings
            // The mirror tries for ever by itself; a cluster that is away must not hold up what concerns another.
            settings.operationTimeout = min(settings.operationTimeout, .seconds(5))
            settings.connectTimeout = min(settings.connectTimeout, .seconds(5))
            return try KafkaClient(settings, group: group, logger: logger)
        }
        self.source = try client(source)
        self.target = try client(target)
        sourceData = try client(source)
        targetData = try client(target)
    }

    func close() async {
        for client in [source, target, sourceData, targetData] { await client.close() }
    }
}
