import Controller
import Logging
import MartletClient
import Mirroring

/// All that follows one link besides its topics and groups, as long as the target is not the home of them all: when the
/// source is back after a failover, it must not overwrite what was changed since.
struct LinkFollowing: Sendable {
    private let followers: [any LinkFollower]
    private let target: Administrator
    /// The names of the link whose mirror topics tell where their homes are, and of the one of the other direction, by which
    /// a home may have come back; empty where there are none.
    private let exactLinks: [String]

    /// - Parameter settings: says what is to follow. Compatible links bring what MirrorMaker 2 brings.
    init(_ settings: LinkSettings, source: KafkaClient, target: KafkaClient) {
        let (atSource, atTarget) = (Administrator(source), Administrator(target))
        var followers: [any LinkFollower] = []
        func add(_ kind: some FollowedKind, every interval: Duration?) {
            guard let interval else { return }
            followers.append(
                Follower(kind, every: interval, settings: settings, source: source, target: target))
        }
        if settings.mode != .compatible {
            add(FollowedQuotas(source: atSource, target: atTarget), every: settings.quotasInterval)
            add(FollowedCredentials(source: atSource, target: atTarget), every: settings.credentialsInterval)
        }
        add(FollowedRules(settings, source: atSource, target: atTarget), every: settings.rulesInterval)
        self.followers = followers
        self.target = atTarget
        exactLinks = settings.mode == .compatible ? [] : [settings.name, settings.reverse]
    }

    /// Whether homes of the link's topics have moved to the target, and it mirrors none any more.
    private func homesHaveMoved() async throws -> Bool {
        guard !exactLinks.isEmpty else { return false }
        let names = try await target.topics().keys.sorted()
        let standings = try await target.topicSettings(names).values.map { MirrorStanding($0) }
            .filter { exactLinks.contains($0.link) }
        return standings.contains { $0.state == .ordinary } && standings.allSatisfy { $0.state == .ordinary }
    }

    /// Follows until the task is cancelled, while this process has the link's duties.
    func run(_ attempts: Attempts, _ sharing: LinkSharing, _ logger: Logger) async {
        await withTaskGroup(of: Void.self) { group in
            for follower in followers {
                group.addTask {
                    await attempts.repeatedly(follower.interval, follower.part) {
                        guard sharing.hasDuties else { return }
                        try await follower.follow(attempts.health, logger) { try await homesHaveMoved() }
                    }
                }
            }
        }
    }

    /// How all of it stands at both ends; nothing once the homes have moved. Throws the fault of an end that does not answer.
    func report() async throws -> [FollowReport] {
        guard try await !homesHaveMoved() else { return [] }
        var reports: [FollowReport] = []
        for follower in followers { reports.append(try await follower.report()) }
        return reports
    }
}
