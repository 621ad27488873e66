import Logging
import MartletClient
import NIOCore

/// What the clusters of a configuration say about its links.
package struct LinkAnswers: Sendable {
    fileprivate typealias Answer = (decisions: LinkDecisions, clusterID: String?)

    package fileprivate(set) var decisions = LinkDecisions()
    /// By alias: why a cluster could not be asked.
    package fileprivate(set) var faults: [String: String] = [:]
    /// By alias.
    private var clusterIDs: [String: String] = [:]

    fileprivate mutating func add(_ answer: Answer, of alias: String) {
        decisions.merge(answer.decisions.about(linksTo: alias))
        clusterIDs[alias] = answer.clusterID
    }

    /// Why a link brings nothing, whatever was decided about it; nil when nothing is known against it.
    package func refusal(of link: LinkSettings) -> String? {
        guard let source = clusterIDs[link.source], source == clusterIDs[link.target] else { return nil }
        return UnfitClusters.same(source).description
    }
}

extension MirrorSettings {
    /// Asks all clusters what stands decided about links to them.
    /// - Parameter target: a cluster that is not asked; nil for none.
    package func askClusters(
        except target: String? = nil, on group: any EventLoopGroup, logger: Logger
    ) async -> LinkAnswers {
        var answers = LinkAnswers()
        await withTaskGroup(of: (String, Result<LinkAnswers.Answer, any Error>).self) { tasks in
            for (alias, cluster) in clusters where alias != target {
                tasks.addTask { (alias, await Self.ask(alias, cluster, on: group, logger: logger)) }
            }
            for await (alias, result) in tasks {
                switch result {
                case .success(let answer): answers.add(answer, of: alias)
                case .failure(let error): answers.faults[alias] = "\(error)"
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
