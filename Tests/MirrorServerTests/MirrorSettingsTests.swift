import Mirroring
import Settings
import Testing

@testable import MirrorServer

@Suite struct MirrorSettingsTests {
    private static let two = """
        clusters = us-east, eu-west
        us-east.bootstrap.servers = us1:9092, us2:9092
        eu-west.bootstrap.servers = [::1]:9093
        us-east->eu-west.enabled = true

        """

    private func read(
        _ text: String, targets: [String] = []
    ) throws(InvalidSettings) -> (settings: MirrorSettings, warnings: [String]) {
        try MirrorSettings.read(PropertiesFile(path: "mm2.properties", text: text), targets: targets)
    }

    /// All that is wrong with a configuration.
    private func problems(_ text: String) -> [String] {
        do throws(InvalidSettings) {
            _ = try read(text)
            return []
        } catch {
            return error.problems
        }
    }

    @Test func clustersAndLinks() throws {
        let (settings, warnings) = try read(Self.two)
        #expect(warnings.isEmpty)
        #expect(settings.clusters["us-east"]?.bootstrapServers.map(\.description) == ["us1:9092", "us2:9092"])
        #expect(settings.clusters["eu-west"]?.bootstrapServers.map(\.port) == [9093])
        #expect(settings.links.map(\.name) == ["us-east->eu-west", "eu-west->us-east"])
        #expect(settings.links.map(\.isEnabled) == [true, false])
        let link = try #require(settings.links.first)
        #expect(link.plan.copies("orders"))
        #expect(!link.plan.copies("__consumer_offsets"))
        #expect(!link.plan.copies("eu-west.orders"))
        #expect(link.replication == ReplicationFactors())
        #expect(link.heartbeatsInterval == .seconds(1))
        #expect(link.checkpointsInterval == .seconds(60))
        #expect(link.groupOffsetsInterval == nil)
        #expect(link.syncsLocation == .source)
    }

    @Test func aLinkOverridesWhatHoldsForAll() throws {
        let (settings, _) = try read(
            Self.two + """
                topics = a.*
                us-east->eu-west.topics = b.*
                refresh.topics.interval.seconds = 7
                us-east->eu-west.replication.factor = 2
                replication.factor = 1
                replication.policy.class = org.apache.kafka.connect.mirror.IdentityReplicationPolicy
                emit.heartbeats.enabled = false
                eu-west->us-east.emit.heartbeats.enabled = true
                sync.group.offsets.enabled = true
                us-east->eu-west.offset-syncs.topic.location = target
                """)
        let link = try #require(settings.links.first)
        #expect(link.plan.copies("bcd"))
        #expect(!link.plan.copies("abc"))
        #expect(link.topicsInterval == .seconds(7))
        #expect(link.replication.remoteTopics == 2)
        #expect(link.plan.policy.naming == .identity)
        #expect(link.heartbeatsInterval == nil)
        #expect(link.groupOffsetsInterval == .seconds(60))
        #expect(link.syncsLocation == .target)
        #expect(settings.links.last?.replication.remoteTopics == 1)
    }

    @Test func targetsChooseLinks() throws {
        let both = Self.two + "eu-west->us-east.enabled = true\n"
        #expect(try read(both, targets: ["us-east"]).settings.links.map(\.name) == ["eu-west->us-east"])
        #expect(throws: InvalidSettings.self) { try read(both, targets: ["asia"]) }
        // What is left copies nothing until somebody wants it to.
        #expect(try read(Self.two, targets: ["us-east"]).warnings.first?.contains("no link is enabled") ?? false)
    }

    /// What MirrorMaker 2 takes of clients, workers and connectors, at the places where its users put it.
    @Test(arguments: [
        "us-east->eu-west.consumer.auto.offset.reset", "consumer.auto.offset.reset", "us-east.consumer.isolation.level",
        "us-east->eu-west.producer.override.compression.type", "us-east->eu-west.source.consumer.fetch.max.bytes",
        "us-east->eu-west.target.producer.linger.ms", "source.admin.retries", "eu-west.producer.max.request.size",
        "eu-west.exactly.once.source.support", "scheduled.rebalance.max.delay.ms", "us-east.plugin.path",
        "us-east->eu-west.transforms", "source.cluster.alias", "us-east->eu-west.target.cluster.bootstrap.servers",
        "use.defaults.from", "us-east.admin.ssl.keystore.location", "sasl.login.class",
    ])
    func whatHasNoEffectIsAWarning(key: String) throws {
        let warnings = try read(Self.two + "\(key) = 1\n").warnings
        #expect(warnings.contains { $0.hasPrefix("mm2.properties:5: \(key) ") }, "\(warnings)")
    }

    @Test func whereMirrorMakerHasLeftItsPositions() throws {
        func names(_ text: String) throws -> FormerMirrorNames? {
            try read(Self.two + text).settings.links.first?.formerMirror
        }
        #expect(
            try names("")
                == FormerMirrorNames(offsetsTopics: ["mm2-offsets.us-east.internal"], groups: ["us-east-mm2"]))
        let text = "offset.storage.topic=a\neu-west.offset.storage.topic=b\nus-east.group.id=no\neu-west.group.id=g\n"
        #expect(
            try names(text)
                == FormerMirrorNames(offsetsTopics: ["b"], groups: ["us-east-mm2", "g"]))
    }

    @Test func namesBeforeKafkaFourAreKnown() throws {
        let text =
            Self.two + """
                topics.blacklist = abc
                us-east->eu-west.groups.blacklist = def
                us-east->eu-west.config.properties.blacklist = ghi
                us-east->eu-west.config.properties.exclude = jkl

                """
        let (settings, warnings) = try read(text)
        let link = try #require(settings.links.first)
        #expect(!link.plan.copies("abc"))
        #expect(!link.groups.contains("def"))
        #expect(!link.plan.excludedSettings.contains("ghi"))
        #expect(link.plan.excludedSettings.contains("jkl"))
        #expect(warnings.filter { $0.contains("blacklist") }.count == 3)
    }

    @Test func compatibleLinksGoOnBehindGapsUnlessSomebodySaysOtherwise() throws {
        #expect(try read(Self.two).settings.links.first?.gapPolicy == .continue)
        #expect(try read(Self.two + "mirror.gap.policy = stop\n").settings.links.first?.gapPolicy == .stop)
    }

    @Test func clientSettingsOfAllAndOfOneCluster() throws {
        let (settings, _) = try read(
            Self.two + """
                security.protocol = SSL
                ssl.truststore.location = /ca.pem
                eu-west.security.protocol = PLAINTEXT
                us-east.request.timeout.ms = 1234
                """)
        #expect(settings.clusters["us-east"]?.securityProtocol == .ssl)
        #expect(settings.clusters["eu-west"]?.securityProtocol == .plaintext)
        #expect(settings.clusters["us-east"]?.requestTimeout == .milliseconds(1234))
    }

    @Test(arguments: [
        ("clusers = a, b", "mm2.properties: clusters is not set"),
        ("clusters = a", "mm2.properties:1: clusters=a is not allowed: two or more"),
        ("clusters = a, b, a", "mm2.properties:1: clusters=a, b, a is not allowed"),
        ("clusters = a, b\nb.bootstrap.servers = h:1", "mm2.properties: a.bootstrap.servers is not set"),
        (
            two + "us-east->eu-west.topic = x",
            "us-east->eu-west.topic; the nearest known one is us-east->eu-west.topics"
        ),
        (two + "us-east->eu-wst.topics = x", "the nearest known one is us-east->eu-west.topics"),
        (
            two + "refresh.topics.interval.seconds = 0",
            "mm2.properties:5: refresh.topics.interval.seconds='0' is not allowed: 1 to 86400"
        ),
        (two + "replication.factor = many", "mm2.properties:5: replication.factor='many' is not allowed: -1 to 32767"),
        (two + "offset-syncs.topic.location = moon", "source, target"),
        (two + "replication.policy.class = com.example.Mine", "IdentityReplicationPolicy"),
        (two + "us-east->eu-west.topics = (", "mm2.properties:5: us-east->eu-west.topics='(' is not allowed"),
        (two + "replication.policy.separator =", "at least one character"),
        (two + "us-east.security.protocol = SASL_SSL", "mm2.properties:5: us-east.security.protocol=SASL_SSL"),
        (two + "ssl.keystore.type = JKS", "mm2.properties:5: ssl.keystore.type=JKS: only PEM is supported"),
        (two + "us-east.bootstrap.servers = nowhere", "us-east.bootstrap.servers=nowhere: nowhere is not host:port"),
    ])
    func badInputIsNamed(text: String, expected: String) {
        let problems = problems(text)
        #expect(problems.contains { $0.contains(expected) }, "\(problems)")
    }

    @Test func whatMirrorMakerKnowsIsAWarning() throws {
        let (_, warnings) = try read(
            Self.two + "tasks.max = 4\nus-east.consumer.fetch.min.bytes = 1\nus-east->eu-west.offset.lag.max = 1\n")
        #expect(warnings.count == 3)
        #expect(warnings.first?.hasPrefix("mm2.properties:5: tasks.max is not needed here") == true)
    }

    @Test func unchangedNamesDoNotGoRound() {
        let identity =
            Self.two + "eu-west->us-east.enabled = true\nreplication.policy.class = IdentityReplicationPolicy\n"
        #expect(problems(identity).contains { $0.contains("in a circle us-east->eu-west->us-east") })
        #expect(
            problems(identity + "us-east->eu-west.topics = orders\neu-west->us-east.topics = orders, pay\n")
                .contains { $0.contains("topics 'orders'") })
        #expect(
            problems(identity + "us-east->eu-west.topics = orders\neu-west->us-east.topics = o.*\n")
                .contains { $0.contains("in a circle") })
        #expect(problems(identity + "us-east->eu-west.topics = orders\neu-west->us-east.topics = pay\n").isEmpty)
    }

    // MARK: Exact mirroring

    @Test func linksMayMirrorExactly() throws {
        let (settings, _) = try read(
            Self.two + """
                us-east->eu-west.mode = exact
                us-east->eu-west.mirror.gap.policy = rewind
                """)
        #expect(settings.links.map(\.mode) == [.exact(.rewind), .compatible])
        let link = try #require(settings.links.first)
        #expect(link.plan.policy.naming == .identity)
        #expect(link.groupOffsetsInterval == .seconds(1))
        #expect(
            try read(Self.two + "mode = exact\nsync.group.offsets.enabled = false\n").settings.links[0]
                .groupOffsetsInterval == nil)
        #expect(
            try read(Self.two + "mode = exact\nsync.group.offsets.interval.seconds = 9\n").settings.links[0]
                .groupOffsetsInterval == .seconds(9))
        #expect(problems(Self.two + "mode = exactly\n").count == 1)
        #expect(problems(Self.two + "mirror.gap.policy = ignore\n").count == 1)
    }

    private static let exactBothWays = two + "mode = exact\neu-west->us-east.enabled = true\n"

    @Test(arguments: [
        ("", "orders", "orders"),
        ("replication.policy.class = IdentityReplicationPolicy", "orders", "orders"),
        ("replication.policy.class = DefaultReplicationPolicy", "us-east.orders", "eu-west.orders"),
        (
            "us-east->eu-west.replication.policy.class = org.apache.kafka.connect.mirror.DefaultReplicationPolicy",
            "us-east.orders", "eu-west.orders"
        ),
        (
            "replication.policy.class = DefaultReplicationPolicy\neu-west->us-east.replication.policy.separator = _",
            "us-east_orders", "eu-west_orders"
        ),
        (
            "replication.policy.class = DefaultReplicationPolicy\nus-east->eu-west.replication.policy.class = "
                + "IdentityReplicationPolicy", "orders", "orders"
        ),
    ])
    func exactLinksChangeNamesWhereThatIsAsked(text: String, there: String, back: String) throws {
        let links = try read(Self.exactBothWays + text).settings.links
        #expect(links.map { $0.names.atTarget("orders") } == [there, back])
        #expect(links[0].names.atSource(there) == "orders" && links[1].names.atTarget(there) == "orders")
        let policy = try #require(links[1].sources.first { $0.key == "replication.policy.class" })
        #expect(text.contains("class") == (policy.place != .standard))
    }

    @Test func aWayBackWithOtherNamesIsRefused() throws {
        let both = Self.exactBothWays + "us-east->eu-west.replication.policy.class = DefaultReplicationPolicy\n"
        let key = "eu-west->us-east.replication.policy.class"
        #expect(
            problems(both + "\(key) = IdentityReplicationPolicy\n").contains { $0.contains("the same names both ways") }
        )
        #expect(
            problems(both + "\(key) = org.apache.kafka.connect.mirror.DefaultReplicationPolicy\n").isEmpty)
        // A link that copies as MirrorMaker 2 does has names of its own.
        let mixed = try read(both + "\(key) = IdentityReplicationPolicy\neu-west->us-east.mode = compatible\n")
        #expect(mixed.settings.links.map(\.plan.policy.naming) == [.prefixed, .identity])
        #expect(mixed.settings.links[1].names.areSame)
        // Homes that have moved there come back under their names.
        #expect(mixed.settings.links[1].homeNames.atTarget("us-east.orders") == "orders")
    }

    @Test func prefixedNamesGoRoundWherePatternsMatchThem() {
        let three =
            Self.two + """
                clusters = us-east, eu-west, asia
                asia.bootstrap.servers = as1:9092
                mode = exact
                replication.policy.class = DefaultReplicationPolicy
                eu-west->us-east.enabled = true
                eu-west->asia.enabled = true
                asia->us-east.enabled = true

                """
        #expect(problems(three).first?.contains("in a circle us-east->eu-west->asia->us-east") ?? false)
        #expect(problems(three + "topics = orders\n").isEmpty)
        #expect(problems(three + "topics = orders, .*[.]orders\n").first?.contains("in a circle") ?? false)
        #expect(problems(three + "asia->us-east.topics = pay\n").first?.contains("topics 'pay'") ?? false)
        #expect(problems(three + "us-east->eu-west.topics = pay\nasia->us-east.topics = pay\n").isEmpty)
    }

    @Test func figuresAreShownWhereTheyAreAskedFor() throws {
        #expect(try read(Self.two).settings.metrics == nil)
        #expect(
            try read(Self.two + "mirror.metrics.port = 9404\n").settings.metrics
                == MirrorMetricsSettings(host: "127.0.0.1", port: 9404))
        #expect(
            try read(Self.two + "mirror.metrics.port = 0\nmirror.metrics.host =\n").settings.metrics
                == MirrorMetricsSettings(host: "", port: 0))
        #expect(problems(Self.two + "mirror.metrics.port = many\n").count == 1)
    }

    @Test func clustersMayMirrorFromEachOtherButNotInACircle() throws {
        let three =
            Self.two + """
                clusters = us-east, eu-west, asia
                asia.bootstrap.servers = as1:9092
                mode = exact
                eu-west->us-east.enabled = true
                eu-west->asia.enabled = true

                """
        #expect(try read(three).settings.links.filter(\.isEnabled).count == 3)
        let circle = problems(three + "asia->us-east.enabled = true\n")
        #expect(circle.count == 1)
        #expect(circle.first?.contains("us-east->eu-west->asia->us-east") ?? false)
        // Topics that are copied have no home that would tell.
        let mixed = """
            us-east->eu-west.mode = exact
            eu-west->us-east.enabled = true
            eu-west->us-east.replication.policy.class = IdentityReplicationPolicy
            """
        #expect(problems(Self.two + mixed).first?.contains("us-east->eu-west->us-east") ?? false)
    }
}
