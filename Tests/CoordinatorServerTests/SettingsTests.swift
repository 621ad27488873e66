import CoordinatorKernel
import Settings
import Testing

@testable import CoordinatorServer

@Suite struct CoordinatorSettingsTests {
    private func read(_ text: String) throws(InvalidSettings) -> (settings: CoordinatorSettings, warnings: [String]) {
        try CoordinatorSettings.read(PropertiesFile(path: "zoo.cfg", text: text))
    }

    private func problems(_ text: String) -> [String] {
        do {
            _ = try read(text)
            return []
        } catch {
            return error.problems
        }
    }

    @Test func anOrdinaryFileIsRead() throws {
        let (settings, warnings) = try read(
            """
            tickTime=2000
            syncEnabled=true
            dataDir=/var/lib/zookeeper
            dataLogDir=/logs/
            clientPort=2181
            server.1=localhost:2888:3888
            zookeeper.extendedTypesEnabled=true
            4lw.commands.whitelist=ruok, mntr
            """)
        #expect(settings.storage.snapshotDirectory == "/var/lib/zookeeper")
        #expect(settings.storage.logDirectory == "/logs")
        #expect(settings.plaintext == CoordinatorSettings.Endpoint(host: "0.0.0.0", port: 2181))
        #expect(settings.secure == nil)
        #expect(settings.sessionTimeouts == .seconds(4) ... .seconds(40))
        #expect(settings.allowsTTL)
        #expect(settings.fourLetterWords == [.ruok, .mntr])
        #expect(settings.ensemble == nil)
        #expect(warnings == ["zoo.cfg:2: syncEnabled has no effect: observers always keep a log and snapshots"])
    }

    @Test func storageIsReadAsItIsForApacheZooKeeper() throws {
        let (settings, warnings) = try read(
            """
            dataDir=/d
            clientPort=2181
            autopurge.snapRetainCount=1
            autopurge.purgeInterval=2
            zookeeper.forceSync=no
            fsync.warningthresholdms=20
            zookeeper.snapSizeLimitInKb=100
            txnLogSizeLimitInKb=1024
            """)
        #expect(settings.storage.retainedSnapshotCount == 3)
        #expect(settings.purgeInterval == .seconds(7200))
        #expect(!settings.storage.syncsLog)
        #expect(settings.slowSync == .milliseconds(20))
        #expect(settings.kernel(sessionSecret: Array(repeating: 0, count: 32)).logBytesPerSnapshot == 102_400)
        #expect(settings.storage.logFileSizeInBytes == 1 << 20)
        #expect(warnings.count == 1)
        #expect(warnings.first?.hasPrefix("zoo.cfg:5: forceSync=no: changes are acknowledged before") == true)
    }

    @Test func storageIsCarefulUnlessToldOtherwise() throws {
        let settings = try read("dataDir=/d\nclientPort=1\ntxnLogSizeLimitInKb=-1\nsnapSizeLimitInKb=0").settings
        #expect(settings.storage.syncsLog)
        #expect(settings.purgeInterval == nil)
        #expect(settings.logBytesPerSnapshot == .max)
        #expect(settings.storage.logFileSizeInBytes == StorageSettings(snapshotDirectory: "").logFileSizeInBytes)
    }

    @Test func whoMayAuthenticateHowIsRead() throws {
        let (settings, warnings) = try read(
            """
            dataDir=/d
            clientPort=2181
            zookeeper.authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider
            DigestAuthenticationProvider.digestAlg=SHA-256
            enforce.auth.enabled=true
            enforce.auth.schemes=digest
            sessionRequireClientSASLAuth=true
            znode.container.maxPerMinute=60
            znode.container.checkIntervalMs=5000
            znode.container.maxNeverUsedIntervalMs=7000
            """)
        #expect(warnings.isEmpty)
        #expect(settings.schemes == ["digest", "ip", "sasl"])
        #expect(settings.digestAlgorithm == .sha256)
        #expect(settings.requiredSchemes == ["digest", "sasl"])
        let tree = settings.kernel(sessionSecret: Array(repeating: 0, count: 32)).tree
        #expect(tree.deletionsPerSweep == 5 && tree.longestUnusedTimeInMilliseconds == 7000)
        let plain = try read("dataDir=/d\nclientPort=1").settings
        #expect(plain.requiredSchemes == nil && plain.longestUnusedTime == nil)
    }

    @Test func howSessionsAndLimitsAreKeptIsRead() throws {
        let plain = try read("dataDir=/d\nclientPort=1\nlocalSessionsUpgradingEnabled=true").settings
        #expect(plain.localSessions == .never && !plain.servesReadOnly && plain.connectingRate == nil)
        let lines = [
            "dataDir=/d", "clientPort=1", "localSessionsEnabled=true", "readonlymode.enabled=true",
            "requestThrottleLimit=7", "connectionMaxTokens=5", "connectionTokenFillTime=20",
        ]
        let settings = try read(lines.joined(separator: "\n")).settings
        #expect(settings.localSessions == .always && settings.servesReadOnly && settings.outstandingRequestLimit == 7)
        #expect(settings.connectingRate == ConnectingRate(most: 5, refill: 1, interval: .milliseconds(20)))
        let upgrading = try read((lines + ["localSessionsUpgradingEnabled=true"]).joined(separator: "\n")).settings
        #expect(upgrading.localSessions == .upgraded)
    }

    @Test func authenticationThatNobodyOffersIsAFault() {
        #expect(problems("dataDir=/d\nclientPort=1\nsessionRequireClientSASLAuth=true").first?.contains("sasl") == true)
        #expect(
            problems("dataDir=/d\nclientPort=1\nenforce.auth.enabled=true").first?
                .hasPrefix("zoo.cfg:3: enforce.auth.enabled needs enforce.auth.schemes") == true)
    }

    @Test func tlsIsReadByZooKeepersNames() throws {
        let tls = try #require(
            try read(
                """
                dataDir=/d
                secureClientPort=2281
                ssl.keyStore.location=/k.pem
                ssl.keyStore.password=
                ssl.trustStore.location=/t.pem
                ssl.clientAuth=want
                ssl.enabledProtocols=TLSv1.3
                """
            ).settings.tls)
        #expect(tls.identity == .bundle(file: "/k.pem"))
        #expect(tls.keyPassword == nil)
        #expect(tls.trust == .file("/t.pem"))
        #expect(tls.clientCertificates == .requested)
        #expect(tls.versions == [.v1_3])
    }

    @Test func everyFaultIsNamedWithItsPlace() {
        #expect(
            problems("dataDir=/d\nclientPort=70000") == ["zoo.cfg:2: clientPort='70000' is not allowed: 0 to 65535"])
        #expect(
            problems("dataDir=/d\nclientPort=1\nclientPrt=2")
                == ["zoo.cfg:3: unknown key clientPrt; the nearest known one is clientPort"])
        #expect(problems("clientPort=1").first?.contains("dataDir is missing") == true)
        #expect(problems("dataDir=/d") == ["zoo.cfg: neither clientPort nor secureClientPort is set"])
        #expect(problems("dataDir=/d\nsecureClientPort=1").first?.contains("needs ssl.keyStore.location") == true)
        #expect(
            problems("dataDir=/d\nclientPort=1\nminSessionTimeout=100000").first?
                .hasPrefix("zoo.cfg:3: minSessionTimeout (100000 ms) is above maxSessionTimeout (60000 ms)") == true)
        #expect(
            problems("dataDir=/d\nclientPort=1\n4lw.commands.whitelist=ruok,nope").first?
                .hasPrefix("zoo.cfg:3: 4lw.commands.whitelist: 'nope' is not allowed: *, ruok") == true)
    }
}
