import Logging
import MartletClient
import NIOCore

/// What the clusters of a configuration say about its links.
package struct LinkAnswers: Sendable {
    fileprivate typealias Answer = (decisions: LinkDecisions, clusterID: String?)

    /// By alias.
    fileprivate var answers: [String: Answer] = [:]
    /// By alias: why a cluster could not be asked.
    package fileprivate(set) var faults: [String: any Error] = [:]

    /// What stands decided, without what a cluster says about links to it; nil for all.
    package func decisions(except target: String? = nil) -> LinkDecisions {
        var decisions = LinkDecisions()
        for (alias, answer) in answers where alias != target {
            decisions.merge(answer.decisions.about(linksTo: alias))
        }
        return decisions
    }

    /// Why a link brings nothing, whatever was decided about it; nil when nothing is known against it.
    package func refusal(of link: LinkSettings) -> String? {
        guard let source = answers[link.source]?.clusterID, source == answers[link.target]?.clusterID else {
            return nil
        }
        return UnfitClusters.same(source).description
    }
}

extension MirrorSettings {
    /// Asks all clusters what stands decided about links to them.
    package func askClusters(on group: any EventLoopGroup, logger: Logger) async -> LinkAnswers {
        var answers = LinkAnswers()
        await withTaskGroup(of: (String, Result<LinkAnswers.Answer, any Error>).self) { tasks in
            for (alias, cluster) in clusters {
                tasks.addTask { (alias, await Self.ask(alias, cluster, on: group, logger: logger)) }
            }
            for await (alias, result) in tasks {
                switch result {
                case .success(let answer): answers.answers[alias] = answer
                case .failure(let error): answers.faults[alias] = error
                }
            }
        }
        return answers
    }

    private static func ask(
        _ alias: String, _ cluster: ClientSettings, on group: any EventLoopGroup, logger: Logger
    ) async -> Result<LinkAnswers.Answer, any Error> {
        do {
            let client = try ClusterClients.client(alias, cluster, on: group, logger: logger)
            let result = await ask(client)
            await client.close()
            return result
        } catch {
            return .failure(error)
        }
    }

    private static func ask(_ client: KafkaClient) async -> Result<LinkAnswers.Answer, any Error> {
        do {
            let decisions = try await DecisionReader.all(client).decisions
            return .success((decisions, try await Administrator(client).describeCluster().clusterID))
        } catch {
            return .failure(error)
        }
    }
}
