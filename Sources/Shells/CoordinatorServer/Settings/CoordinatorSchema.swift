import CoordinatorKernel
import Settings

/// The keys of `zoo.cfg`, by Apache ZooKeeper's names.
package enum CoordinatorSchema {
    /// Java's system properties may stand in the file with this in front, as they are named on a command line.
    static let systemPropertyPrefix = "zookeeper."

    private static let anyCount: SettingKind = .integer(0...Int64(Int32.max))
    private static let anyPort: SettingKind = .integer(0...65535)
    private static let anyMilliseconds: SettingKind = .integer(1...Int64(Int32.max))

    private static let keys = ordinaryKeys + ensembleKeys + promises

    package static let schema = SettingsSchema(keys: keys, ignored: KeysWithoutEffect.all)

    /// Every key, annotated, as a file that runs as it is.
    package static var reference: String {
        schema.reference(
            title: "The configuration of a coordinator: martlet-coordinator zoo.cfg",
            essentials: ["dataDir": "coordinator-data", "clientPort": "2181"]) + membersReference
    }

    /// Whether a key's value is shown to nobody.
    static func isSecret(_ key: String) -> Bool {
        let name = key.hasPrefix(systemPropertyPrefix) ? String(key.dropFirst(systemPropertyPrefix.count)) : key
        if case .secret = schema.keys.first(where: { $0.name == name })?.kind { return true }
        return name.lowercased().contains("password")
    }

    private static let defaultMetricsProvider = "org.apache.zookeeper.metrics.impl.DefaultMetricsProvider"
    static let prometheusMetricsProvider = "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider"
    private static let metricsProviders = [
        defaultMetricsProvider, prometheusMetricsProvider, "org.apache.zookeeper.metrics.impl.NullMetricsProvider",
    ]

    /// Keys that promise what there is not: only the value that promises nothing is allowed.
    private static let promises: [SettingKey] = [
        ("ssl.crl", "false", "Lists of revoked certificates are not looked at."),
        ("ssl.ocsp", "false", "Nobody is asked whether a certificate has been revoked."),
        ("portUnification", "false", "Ports take other members in plaintext or over TLS, not both."),
        ("ssl.quorum.crl", "false", "Lists of revoked certificates are not looked at."),
        ("ssl.quorum.ocsp", "false", "Nobody is asked whether a certificate has been revoked."),
        ("client.portUnification", "false", "A port takes clients in plaintext or over TLS, not both."),
        ("DigestAuthenticationProvider.enabled", "true", "Clients may always authenticate as digest users."),
        ("IPAuthenticationProvider.usexforwardedfor", "false", "A client has the address that it connects from."),
        ("X509AuthenticationProvider.clientCertIdType", "SUBJECT", "A certificate's subject is its owner's name."),
    ].map { SettingKey($0.0, .word([$0.1]), default: $0.1, $0.2) }

    private static let ordinaryKeys: [SettingKey] = [
        SettingKey("dataDir", .text, default: nil, "Directory of the snapshots; created if absent."),
        SettingKey("dataLogDir", .text, default: nil, "Directory of the transaction log; dataDir if not set."),
        SettingKey("clientPort", anyPort, default: nil, "Port for clients in plaintext; 0 lets the system choose."),
        SettingKey("clientPortAddress", .text, default: "0.0.0.0", "Address that clientPort is opened on."),
        SettingKey("secureClientPort", anyPort, default: nil, "Port for clients over TLS; 0 lets the system choose."),
        SettingKey("secureClientPortAddress", .text, default: "0.0.0.0", "Address that secureClientPort is opened on."),
        SettingKey("tickTime", anyMilliseconds, default: "3000", "Length of a tick in milliseconds."),
        SettingKey(
            "minSessionTimeout", anyMilliseconds, default: nil,
            "Shortest session timeout that is granted, in milliseconds; two ticks if not set."),
        SettingKey(
            "maxSessionTimeout", anyMilliseconds, default: nil,
            "Longest session timeout that is granted, in milliseconds; twenty ticks if not set."),
        SettingKey("maxClientCnxns", anyCount, default: "60", "Connections of one address; 0 for no limit."),
        SettingKey("maxCnxns", anyCount, default: "0", "Connections of all clients together; 0 for no limit."),
        SettingKey(
            "jute.maxbuffer", .integer(1024...268_435_456), default: "1048575", "Longest request in bytes."),
        SettingKey(
            "globalOutstandingLimit", .integer(1...Int64(Int32.max)), default: "1000",
            "Requests that may wait for their answers before clients are made to wait with more."),
        SettingKey(
            "localSessionsEnabled", .boolean, default: "false",
            "Whether sessions are known to their member alone, which costs no write but allows no ephemeral nodes."),
        SettingKey(
            "localSessionsUpgradingEnabled", .boolean, default: "false",
            "Whether a local session becomes a global one with its first ephemeral node."),
        SettingKey(
            "readonlymode.enabled", .boolean, default: "false",
            "Whether a member without a quorum answers the reads of clients that accept that."),
        SettingKey(
            "requestThrottleLimit", anyCount, default: "0",
            "The same as globalOutstandingLimit; the smaller of the two counts, and 0 does not."),
        SettingKey(
            "connectionMaxTokens", anyCount, default: "0",
            "Clients that may come at once; who comes above that is sent away. 0 for no limit."),
        SettingKey(
            "connectionTokenFillTime", anyMilliseconds, default: "1",
            "After how many milliseconds connectionTokenFillCount more may come."),
        SettingKey(
            "connectionTokenFillCount", .integer(1...Int64(Int32.max)), default: "1",
            "How many more clients may come after connectionTokenFillTime."),
        SettingKey(
            "snapCount", .integer(2...Int64(Int32.max)), default: "100000", "Changes from one snapshot to the next."),
        SettingKey(
            "preAllocSize", .integer(64...4_194_304), default: "16384",
            "How far ahead log files are filled with zeros, in KiB."),
        SettingKey(
            "snapSizeLimitInKb", .integer(-1...4_294_967_296), default: "4194304",
            "Log after which there is a snapshot too, in KiB; 0 or less for no limit."),
        SettingKey(
            "txnLogSizeLimitInKb", .integer(-1...4_194_304), default: nil,
            "From this size on a log file is followed by a new one, in KiB; 262144 if not set, or 0 or less."),
        SettingKey(
            "autopurge.snapRetainCount", .integer(1...Int64(Int32.max)), default: "3",
            "Snapshots that are kept, with the log that follows the oldest; less than 3 counts as 3."),
        SettingKey(
            "autopurge.purgeInterval", .integer(0...876_000), default: "0",
            "How often older snapshots and logs are removed, in hours; 0 for after each snapshot."),
        SettingKey(
            "forceSync", .word(["yes", "no"]), default: "yes",
            "Whether changes are acknowledged only when they are durable. With no, a power cut loses some of them, or all."
        ),
        SettingKey(
            "fsync.warningthresholdms", anyMilliseconds, default: "1000",
            "A sync of the log that takes longer is reported, in milliseconds."),
        SettingKey(
            "snapshot.trust.empty", .boolean, default: "false",
            "Whether a transaction log of Apache ZooKeeper is taken over that has no snapshot below it."),
        SettingKey(
            "extendedTypesEnabled", .boolean, default: "false", "Whether nodes with a time to live can be created."),
        SettingKey(
            "enforceQuota", .boolean, default: "false",
            "Whether changes beyond a quota's hard limit are refused; else they are only told in the log."),
        SettingKey(
            "znode.container.checkIntervalMs", anyMilliseconds, default: "60000",
            "How often empty containers and nodes past their time to live are looked for, in milliseconds."),
        SettingKey(
            "znode.container.maxPerMinute", .integer(1...Int64(Int32.max)), default: "10000",
            "How many of them are deleted in a minute at most."),
        SettingKey(
            "znode.container.maxNeverUsedIntervalMs", anyCount, default: "0",
            "How long a container that never had a child is kept, in milliseconds; 0 for ever."),
        SettingKey(
            "4lw.commands.whitelist", .list,
            default: FourLetterWord.allCases.filter { FourLetterWord.enabledByDefault.contains($0) }
                .map(\.rawValue).joined(separator: ","),
            "Four-letter words that are answered; * for all."),
        SettingKey("admin.enableServer", .boolean, default: "true", "Whether operators may ask over HTTP."),
        SettingKey(
            "admin.serverPort", anyPort, default: "8080",
            "Port of operators' HTTP commands and of /health; 0 lets the system choose. One in use is only a warning."),
        SettingKey("admin.serverAddress", .text, default: "0.0.0.0", "Address that admin.serverPort is opened on."),
        SettingKey("admin.commandURL", .text, default: "/commands", "Path in front of the commands' names."),
        SettingKey(
            "admin.idleTimeout", anyMilliseconds, default: "30000",
            "How long a connection of an operator may be idle, in milliseconds."),
        SettingKey(
            "admin.portUnification", .boolean, default: "false",
            "Whether operators may speak TLS on admin.serverPort as well as plaintext, by the key and certificate of "
                + "ssl.quorum.keyStore.location, or of ssl.keyStore.location where that is not set."),
        SettingKey(
            "admin.forceHttps", .boolean, default: "false",
            "Whether operators have to; in place of admin.portUnification."),
        SettingKey(
            "admin.needClientAuth", .boolean, default: "false",
            "Whether operators who speak TLS show a certificate that the trust store of that key store vouches for."),
        SettingKey(
            "admin.rateLimiterIntervalInMS", .integer(0...Int64(Int32.max)), default: "300000",
            "How long after a snapshot or a restore over HTTP there may be another, in milliseconds."),
        SettingKey(
            "admin.snapshot.enabled", .boolean, default: "true",
            "Whether who has all permissions on / may fetch snapshots over HTTP."),
        SettingKey(
            "admin.restore.enabled", .boolean, default: "true",
            "Whether who has all permissions on / may replace everything by a snapshot over HTTP; of a coordinator that "
                + "belongs to no ensemble."),
        SettingKey(
            "metricsProvider.className", .word(metricsProviders), default: defaultMetricsProvider,
            "The one for Prometheus opens a port for it; every one feeds mntr and the AdminServer's monitor."),
        SettingKey("metricsProvider.httpHost", .text, default: "0.0.0.0", "Address of the port for Prometheus."),
        SettingKey(
            "metricsProvider.httpPort", anyPort, default: "7000",
            "Port where Prometheus finds /metrics; 0 lets the system choose."),
        SettingKey(
            "metricsProvider.exportJvmInfo", .boolean, default: "true",
            "Whether Prometheus is also told of the process's CPU time, memory and files."),
        SettingKey(
            "audit.enable", .boolean, default: "false",
            "Whether a line of the logger audit tells of every change, who asked for it, and whether it was done."),
        SettingKey(
            "audit.logFile", .text, default: nil,
            "File that audit lines are appended to; with all other log lines if not set. Only Martlet knows this key."),
        SettingKey("skipACL", .word(["yes", "no"]), default: "no", "Whether access lists are left unchecked."),
        SettingKey(
            "DigestAuthenticationProvider.superDigest", .secret, default: nil,
            "user:hash of the digest user who may do everything."),
        SettingKey(
            "DigestAuthenticationProvider.digestAlg", .word(DigestAlgorithm.allCases.map(\.rawValue)), default: "SHA1",
            "How names and passwords of digest users are hashed; alike on all members and for good."),
        SettingKey(
            "enforce.auth.enabled", .boolean, default: "false",
            "Whether only clients are served that have authenticated by one of enforce.auth.schemes."),
        SettingKey(
            "enforce.auth.schemes", .list, default: "",
            "Schemes by which clients may authenticate then: digest, x509, ..."),
        SettingKey(
            "sessionRequireClientSASLAuth", .boolean, default: "false",
            "Whether only clients are served that have authenticated by SASL."),
        SettingKey(
            "java.security.auth.login.config", .text, default: nil,
            "JAAS file with the users of DIGEST-MD5 or the keytab of Kerberos; without it nobody authenticates by SASL."
        ),
        SettingKey("sasl.serverconfig", .text, default: "Server", "Section of that file."),
        SettingKey(
            "allowSaslFailedClients", .boolean, default: "false",
            "Whether who fails to authenticate by SASL is served as nobody in particular."),
        SettingKey(
            "superUser", .text, default: nil,
            "User of SASL who may do everything; for more of them superUser.1, superUser.2, ..."),
        SettingKey(
            "SASLAuthenticationProvider.superPassword", .secret, default: nil,
            "Password of DIGEST-MD5's user super, in place of that in the JAAS file."),
        SettingKey(
            "kerberos.removeHostFromPrincipal", .boolean, default: "false",
            "Whether access lists name principals of Kerberos without their hosts."),
        SettingKey(
            "kerberos.removeRealmFromPrincipal", .boolean, default: "false",
            "Whether access lists name principals of Kerberos without their realms."),
        SettingKey(
            "security.auth_to_local", .text, default: "DEFAULT",
            "Rules that turn principals of Kerberos into short names, as in krb5.conf."),
        SettingKey(
            "X509AuthenticationProvider.superUser", .text, default: nil,
            "Subject of the client certificate whose owner may do everything."),
        SettingKey(
            "ssl.keyStore.location", .text, default: nil, "PEM file with the private key, its certificate and chain."),
        SettingKey("ssl.keyStore.password", .secret, default: nil, "Password of the private key, if it is encrypted."),
        SettingKey(
            "ssl.keyStore.passwordPath", .text, default: nil, "File whose first line is that password."),
        SettingKey("ssl.keyStore.type", .word(["PEM"]), default: "PEM", "Only PEM is read."),
        SettingKey(
            "ssl.trustStore.location", .text, default: nil, "PEM file with the authorities of client certificates."),
        SettingKey("ssl.trustStore.password", .secret, default: nil, "Means nothing to PEM files."),
        SettingKey("ssl.trustStore.type", .word(["PEM"]), default: "PEM", "Only PEM is read."),
        SettingKey(
            "ssl.clientAuth", .word(["none", "want", "need"]), default: "need",
            "Whether clients show certificates: never, if they have one, or always."),
        SettingKey(
            "ssl.enabledProtocols", .list, default: "TLSv1.2,TLSv1.3", "Versions of TLS that are spoken."),
        SettingKey("ssl.ciphersuites", .list, default: "", "Cipher suites, best first; OpenSSL's choice if empty."),
    ]
}
