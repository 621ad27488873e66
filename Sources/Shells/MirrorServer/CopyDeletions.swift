import Logging
import MartletClient
import Mirroring
import Synchronization

/// Does with copies whose source topics were deleted as `mirror.deletion.policy` says.
final class CopyDeletions: Sendable {
    private let settings: LinkSettings
    private let source: Administrator
    private let target: Administrator
    private let logger: Logger
    private let watch = Mutex(DeletionWatch())

    init(settings: LinkSettings, clients: LinkClients, logger: Logger) {
        self.settings = settings
        source = Administrator(clients.source)
        target = Administrator(clients.target)
        self.logger = logger
    }

    /// One look.
    /// - Parameter orphans: copies of topics that the source has not shown, by those topics' names.
    /// - Returns: topics that people have to decide about, and why.
    func follow(_ orphans: [String: String]) async throws -> [String: String] {
        let absent = orphans.isEmpty ? [] : try await source.absent(orphans.keys.sorted())
        let gone = watch.withLock { $0.look(absent: absent) }
        var questions: [String: String] = [:]
        for name in gone {
            guard let remote = orphans[name] else { continue }
            switch settings.deletionPolicy {
            case .keep: break
            case .ask: questions[name] = DeletionPolicy.question(ofCopy: remote, of: settings.source)
            case .follow:
                try await target.deleteTopic(remote)
                logger.warning("\(settings.name): deleted \(remote), as \(settings.source) has deleted \(name)")
            }
        }
        return questions
    }
}
