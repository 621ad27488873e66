import Mirroring
import Settings
import Synchronization
import Testing

@testable import MirrorServer

/// One look of a link at what follows it, between two real regions in this process.
@Suite(.timeLimit(.minutes(2))) struct FollowerTests {
    /// Quotas of which the source has `atSource` and the target nothing; while they are read, something happens.
    private final class ScriptedQuotas: FollowedKind {
        static var words: String { "quotas" }

        let source: [QuotaName: Double]
        let meanwhile: @Sendable () async throws -> Void
        let changes = Mutex<[QuotaName: Double?]>([:])

        init(atSource: [QuotaName: Double], meanwhile: @escaping @Sendable () async throws -> Void) {
            source = atSource
            self.meanwhile = meanwhile
        }

        func atSource() async throws -> [QuotaName: Double]? {
            try await meanwhile()
            return source
        }

        func atTarget() async throws -> [QuotaName: Double] { [:] }

        func change(_ changes: [QuotaName: Double?], from present: [QuotaName: Double]) async throws {
            self.changes.withLock { $0.merge(changes) { $1 } }
        }

        func text(of value: Double) -> String? { nil }
    }

    private let rate = QuotaName(of: [.init("user", "alice")], "producer_byte_rate")

    private func link(_ east: Region, _ west: Region) throws -> LinkSettings {
        let text = """
            clusters = us-east, eu-west
            us-east.bootstrap.servers = 127.0.0.1:\(east.port)
            eu-west.bootstrap.servers = 127.0.0.1:\(west.port)
            us-east->eu-west.enabled = true
            us-east->eu-west.mode = exact
            """
        return try #require(try MirrorSettings.read(PropertiesFile(path: "test", text: text)).settings.links.first)
    }

    /// What one look of the link changes at the target when the source has a quota and `meanwhile` happens as it is read.
    private func changes(
        _ east: Region, _ west: Region, unless isOver: () -> Bool = { false },
        meanwhile: @escaping @Sendable () async throws -> Void
    ) async throws -> [QuotaName: Double?] {
        let kind = ScriptedQuotas(atSource: [rate: 10], meanwhile: meanwhile)
        let follower = Follower(
            kind, every: .seconds(1), settings: try link(east, west), source: east.client, target: west.client)
        try await follower.follow(
            LinkHealth(link: "us-east->eu-west", logger: silent), silent, unless: isOver)
        return kind.changes.withLock { $0 }
    }

    /// What the link from eu-west keeps at us-east.
    private func reverseMarks(_ east: Region) -> FollowMarks<QuotaName> {
        FollowMarks(source: "eu-west", target: "us-east", in: east.client, replicas: 1)
    }

    @Test func whatTheOtherLinkTakesAwayMeanwhileIsNotBroughtBack() async throws {
        try await withRegions { east, west in
            let (reverse, rate) = (reverseMarks(east), rate)
            try await reverse.write([rate: [10]])
            let changes = try await changes(east, west) { try await reverse.write([rate: nil]) }
            #expect(changes.isEmpty)
        }
    }

    @Test func whatTheOtherLinkBringsMeanwhileIsNotBroughtBack() async throws {
        try await withRegions { east, west in
            let (reverse, rate) = (reverseMarks(east), rate)
            let changes = try await changes(east, west) { try await reverse.write([rate: [10]]) }
            #expect(changes.isEmpty)
        }
    }

    @Test func aLookThatOutlastsAFailoverBringsNothing() async throws {
        try await withRegions { east, west in
            let haveMoved = Flag()
            let changes = try await changes(east, west, unless: { haveMoved.isSet }) { haveMoved.set() }
            #expect(changes.isEmpty)
        }
    }

    private final class Flag: Sendable {
        private let value = Mutex(false)
        var isSet: Bool { value.withLock { $0 } }
        func set() { value.withLock { $0 = true } }
    }

    @Test func whatIsTheSourcesOwnIsBrought() async throws {
        try await withRegions { east, west in
            let (reverse, rate) = (reverseMarks(east), rate)
            let changes = try await changes(east, west) { try await reverse.write([rate: [9]]) }
            #expect(changes == [rate: 10])
        }
    }
}
