import CoordinatorKernel
import Seams
import Security

/// All a coordinator is told before it starts.
package struct CoordinatorSettings: Sendable {
    /// Where it listens for clients in plaintext (`clientPort`, `clientPortAddress`); nil for nowhere.
    package var plaintext: Endpoint?
    /// Where it listens over TLS (`secureClientPort`, `secureClientPortAddress`); nil for nowhere.
    package var secure: Endpoint?
    /// Needed with `secure`.
    package var tls: TLSSettings?
    package var storage: StorageSettings
    /// The ensemble it belongs to; nil for a coordinator of its own.
    package var ensemble: EnsembleSettings?
    /// Sessions last between two and twenty of it unless `sessionTimeouts` is set; they expire on its multiples.
    package var tickTime: Duration = .milliseconds(3000)
    package var sessionTimeouts: ClosedRange<Duration>
    /// 0 for no limit.
    package var maximumConnectionsPerAddress = 60
    /// 0 for no limit.
    package var maximumConnections = 0
    /// `jute.maxbuffer`
    package var maximumFrameSizeInBytes = 0xfffff
    /// Requests that may wait for their answers before connections are no longer read (`globalOutstandingLimit`).
    package var outstandingRequestLimit = 1000
    /// A client that has so many bytes unread when another watch event comes is sent away.
    package var unreadEventsBoundInBytes = 64 << 20
    /// `localSessionsEnabled`, `localSessionsUpgradingEnabled`
    package var localSessions = LocalSessionPolicy.never
    /// Whether reads are answered without a quorum (`readonlymode.enabled`).
    package var servesReadOnly = false
    /// How many clients may come in a while; nil for any number (`connectionMaxTokens`, `connectionTokenFillCount`,
    /// `connectionTokenFillTime`).
    package var connectingRate: ConnectingRate?
    /// Changes between two snapshots (`snapCount`).
    package var changesPerSnapshot = 100_000
    /// Bytes of log after which there is a snapshot too (`snapSizeLimitInKb`).
    package var logBytesPerSnapshot = 4 << 30
    /// A sync that takes longer is reported (`fsync.warningthresholdms`).
    package var slowSync: Duration = .seconds(1)
    /// How often old snapshots and logs are removed; nil for after each snapshot (`autopurge.purgeInterval`).
    package var purgeInterval: Duration?
    /// Whether nodes may have a time to live (`extendedTypesEnabled`).
    package var allowsTTL = false
    /// Whether hard limits of quotas refuse changes (`enforceQuota`).
    package var enforcesQuotas = false
    /// Whether a digest of the tree is kept (`digest.enabled`).
    package var keepsDigest = true
    /// Whether access lists are looked at (`skipACL=no`).
    package var checksACLs = true
    /// Whether members look at them before they ask their leader (`enableEagerACLCheck`).
    package var checksAccessEarly = false
    /// `user:hash` of the user who may do everything (`DigestAuthenticationProvider.superDigest`).
    package var superDigest: String?
    /// How digest users' passwords are hashed (`DigestAuthenticationProvider.digestAlg`).
    package var digestAlgorithm = DigestAlgorithm.sha1
    /// Schemes that access lists may name besides `world` and `auth` (`authProvider.N`, and `x509` with `secure`).
    package var schemes: Set<String> = ["digest", "ip"]
    /// Schemes of which clients must have shown an identity before they are served; nil for none
    /// (`enforce.auth.enabled`, `enforce.auth.schemes`, `sessionRequireClientSASLAuth`).
    package var requiredSchemes: Set<String>?
    /// How clients authenticate by SASL; nil: not at all.
    package var sasl: SASLSettings?
    /// Subject of the certificate that may do everything (`X509AuthenticationProvider.superUser`).
    package var superSubject: String?
    /// How often containers without children and nodes past their time are looked for
    /// (`znode.container.checkIntervalMs`).
    package var sweepInterval: Duration = .seconds(60)
    /// How many of these are deleted in a minute at most (`znode.container.maxPerMinute`).
    package var deletionsPerMinute: Int64 = 10_000
    /// How long containers are kept that never had a child; nil for ever (`znode.container.maxNeverUsedIntervalMs`).
    package var longestUnusedTime: Duration?
    /// Four-letter words that are answered (`4lw.commands.whitelist`).
    package var fourLetterWords: Set<FourLetterWord> = FourLetterWord.enabledByDefault

    /// Where operators ask over HTTP; nil for nowhere.
    package var admin: AdminSettings?
    /// Where Prometheus finds metrics; nil for nowhere.
    package var metrics: MetricsSettings?
    /// Whether and where everything that changes the tree is written down; nil for nowhere.
    package var audit: AuditSettings?
    /// The keys that the file sets and their values, in its order; secrets are blotted out.
    package var entries: [(key: String, value: String)] = []

    package struct Endpoint: Sendable, Equatable {
        /// Empty for all addresses.
        package var host: String
        /// 0 lets the system choose.
        package var port: Int

        package init(host: String, port: Int) {
            self.host = host
            self.port = port
        }
    }

    /// A coordinator with all defaults that listens on `plaintext` and keeps its files in `dataDirectory`.
    package init(plaintext: Endpoint?, dataDirectory: String) {
        self.plaintext = plaintext
        storage = StorageSettings(snapshotDirectory: dataDirectory)
        sessionTimeouts = .milliseconds(6000) ... .milliseconds(60_000)
    }

    /// What of it the kernel decides by.
    func kernel(sessionSecret: [UInt8]) -> KernelSettings {
        var kernel = KernelSettings(sessionSecret: sessionSecret)
        let shortest = Int32(clamping: sessionTimeouts.lowerBound.milliseconds)
        kernel.sessionTimeouts = shortest...Int32(clamping: sessionTimeouts.upperBound.milliseconds)
        kernel.allowsReconfiguration = ensemble?.allowsReconfiguration ?? false
        kernel.superDigest = superDigest
        kernel.superSubject = superSubject
        kernel.digestAlgorithm = digestAlgorithm
        kernel.requiredSchemes = requiredSchemes
        kernel.sasl = sasl?.policy
        kernel.audits = audit != nil
        kernel.checksAccessEarly = checksAccessEarly
        kernel.connectingRate = connectingRate
        kernel.localSessions = localSessions
        kernel.servesReadOnly = servesReadOnly
        kernel.changesPerSnapshot = changesPerSnapshot
        kernel.logBytesPerSnapshot = logBytesPerSnapshot
        kernel.tree.checksACLs = checksACLs
        kernel.tree.keepsDigest = keepsDigest
        kernel.tree.allowsTTL = allowsTTL
        kernel.tree.enforcesQuotas = enforcesQuotas
        kernel.tree.tickTimeInMilliseconds = tickTime.milliseconds
        kernel.tree.schemes = schemes
        kernel.tree.sweepIntervalInMilliseconds = sweepInterval.milliseconds
        kernel.tree.longestUnusedTimeInMilliseconds = longestUnusedTime?.milliseconds
        kernel.tree.deletionsPerSweep = max(1, Int(deletionsPerMinute * sweepInterval.milliseconds / 60_000))
        return kernel
    }
}
