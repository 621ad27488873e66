import CoordinatorKernel
import Seams
import Security
import Settings

extension CoordinatorSettings {
    /// Reads a `zoo.cfg`. Returns what an operator should know besides, as sentences.
    ///
    /// - Parameter open: reads the files that it names: `myid` and `dynamicConfigFile`.
    package static func read(
        _ file: PropertiesFile,
        open: (String) throws(UnreadableSettings) -> PropertiesFile = { path throws(UnreadableSettings) in
            try PropertiesFile(reading: path)
        }
    ) throws(InvalidSettings) -> (settings: CoordinatorSettings, warnings: [String]) {
        var problems: [String] = []
        let (plain, memberLines) = keysAndMembers(of: file, problems: &problems)
        var values = try CoordinatorSchema.schema.read(plain)
        let providers = authenticationProviders(in: file)
        var settings = CoordinatorSettings(plaintext: nil, dataDirectory: values["dataDir"] ?? "")
        settings.readStorage(values, problems: &problems)
        settings.readEnsemble(memberLines, &values, open, problems: &problems)
        settings.readEndpoints(values, problems: &problems)
        settings.readSessions(values, problems: &problems)
        settings.readLimits(values)
        settings.readSASL(values, superUsers: superUsers(in: file), problems: &problems)
        settings.readAccess(values, providers: providers, problems: &problems)
        settings.readFourLetterWords(values, problems: &problems)
        settings.readAdmin(values, problems: &problems)
        settings.readMetrics(values)
        if values.boolean("audit.enable") { settings.audit = AuditSettings(file: values["audit.logFile"]) }
        problems += values.contradictions
        settings.entries = file.entries.map { ($0.key, CoordinatorSchema.isSecret($0.key) ? "***" : $0.value) }
        guard problems.isEmpty else { throw InvalidSettings(problems: problems) }
        var warnings = values.warnings
        if !settings.storage.syncsLog {
            warnings.append(
                "\(values.place(of: "forceSync"))forceSync=no: changes are acknowledged before they are durable; "
                    + "a power cut loses acknowledged changes, or leaves a log that is taken for damaged")
        }
        return (settings, warnings)
    }

    /// The entries under their plain names, and apart from them the lines that name members.
    private static func keysAndMembers(
        of file: PropertiesFile, problems: inout [String]
    ) -> (plain: PropertiesFile, memberLines: [PropertiesFile.Entry]) {
        var plain = PropertiesFile(path: file.path, entries: [])
        var memberLines: [PropertiesFile.Entry] = []
        /// Indices of entries that had the prefix.
        var spelledOut: Set<Int> = []
        let schema = CoordinatorSchema.schema
        let known = schema.ignored.reduce(into: Set(schema.keys.map(\.name))) { $0.formUnion($1.names) }
        for var entry in file.entries {
            if MembershipLines.know(entry.key), entry.key != "version" {
                memberLines.append(entry)
                continue
            }
            let plainKey = entry.key.dropping(CoordinatorSchema.systemPropertyPrefix) ?? entry.key
            if ["authProvider.", superUserPrefix].contains(where: plainKey.hasPrefix) { continue }
            if let rest = entry.key.dropping(CoordinatorSchema.systemPropertyPrefix), known.contains(rest) {
                entry.key = rest
                spelledOut.insert(plain.entries.count)
            }
            plain.entries.append(entry)
        }
        problems += disagreements(in: plain, spelledOut: spelledOut)
        return (plain, memberLines)
    }

    /// Keys that stand in the file with and without the prefix, and with different values.
    private static func disagreements(in file: PropertiesFile, spelledOut: Set<Int>) -> [String] {
        var first: [String: Int] = [:]
        return file.entries.enumerated().compactMap { index, entry in
            guard let earlier = first[entry.key] else {
                first[entry.key] = index
                return nil
            }
            let other = file.entries[earlier]
            guard spelledOut.contains(earlier) != spelledOut.contains(index), other.value != entry.value else {
                return nil
            }
            let shown = CoordinatorSchema.isSecret(entry.key) ? "" : " ('\(entry.value)', not '\(other.value)')"
            return "\(file.path):\(entry.line): \(entry.key) has another value in line \(other.line)\(shown), with the "
                + "prefix \(CoordinatorSchema.systemPropertyPrefix) and without"
        }
    }

    private mutating func readStorage(_ values: SettingValues, problems: inout [String]) {
        if storage.snapshotDirectory.isEmpty {
            problems.append("\(values.path): dataDir is missing: name the directory that the coordinator keeps data in")
        }
        storage.snapshotDirectory = Self.plain(storage.snapshotDirectory)
        storage.logDirectory = Self.plain(values["dataLogDir"] ?? storage.snapshotDirectory)
        storage.allocationSizeInBytes = Int(values.integer("preAllocSize")) << 10
        // Apache ZooKeeper takes fewer for three, too.
        storage.retainedSnapshotCount = max(3, Int(values.integer("autopurge.snapRetainCount")))
        let purgeHours = values.integer("autopurge.purgeInterval")
        purgeInterval = purgeHours > 0 ? .seconds(purgeHours * 3600) : nil
        if values.isSet("txnLogSizeLimitInKb"), values.integer("txnLogSizeLimitInKb") > 0 {
            storage.logFileSizeInBytes = Int(values.integer("txnLogSizeLimitInKb")) << 10
        }
        let snapshotLimit = values.integer("snapSizeLimitInKb")
        logBytesPerSnapshot = snapshotLimit > 0 ? Int(snapshotLimit) << 10 : .max
        slowSync = values.milliseconds("fsync.warningthresholdms")
        storage.syncsLog = values.text("forceSync") == "yes"
        storage.trustsEmptySnapshot = values.boolean("snapshot.trust.empty")
        changesPerSnapshot = Int(values.integer("snapCount"))
    }

    /// Without slashes at the end, so that one directory has one name.
    private static func plain(_ directory: String) -> String {
        var rest = Substring(directory)
        while rest.utf8.count > 1, rest.hasSuffix("/") { rest = rest.dropLast() }
        return String(rest)
    }

    private mutating func readEndpoints(_ values: SettingValues, problems: inout [String]) {
        if values.isSet("clientPort") {
            // The own server line may have named another address.
            let host = values.isSet("clientPortAddress") ? nil : plaintext?.host
            plaintext = Endpoint(
                host: host ?? values.text("clientPortAddress"), port: Int(values.integer("clientPort")))
        }
        if values.isSet("secureClientPort") {
            secure = Endpoint(
                host: values.text("secureClientPortAddress"), port: Int(values.integer("secureClientPort")))
            tls = Self.tls(values, prefix: "ssl.", for: "secureClientPort", problems: &problems)
        }
        if plaintext == nil && secure == nil {
            problems.append("\(values.path): neither clientPort nor secureClientPort is set")
        }
    }

    /// What is read from the keys that begin with `prefix`; nil when `user`, who needs it, cannot do with them.
    static func tls(
        _ values: SettingValues, prefix: String, for user: String, problems: inout [String]
    ) -> TLSSettings? {
        guard let identity = values["\(prefix)keyStore.location"] else {
            problems.append("\(values.place(of: user))\(user) needs \(prefix)keyStore.location, a PEM file")
            return nil
        }
        var tls = TLSSettings(identity: .bundle(file: identity))
        tls.keyPassword = keyPassword(values, prefix: prefix, problems: &problems)
        tls.trust = values["\(prefix)trustStore.location"].map { .file($0) }
        tls.cipherSuites = values.list("\(prefix)ciphersuites")
        tls.clientCertificates =
            switch values.text("\(prefix)clientAuth") {
            case "none": .none
            case "want": .requested
            default: .required
            }
        tls.versions = []
        let versionsKey = "\(prefix)enabledProtocols"
        for name in values.list(versionsKey) {
            guard let version = TLSSettings.Version(rawValue: name) else {
                problems.append(
                    "\(values.place(of: versionsKey))\(versionsKey): '\(name)' is not allowed: TLSv1.2, TLSv1.3")
                continue
            }
            tls.versions.insert(version)
        }
        return tls
    }

    private static func keyPassword(
        _ values: SettingValues, prefix: String, problems: inout [String]
    ) -> String? {
        let key = "\(prefix)keyStore.passwordPath"
        guard let path = values[key] else {
            return values["\(prefix)keyStore.password"].flatMap { $0.isEmpty ? nil : $0 }
        }
        if values.isSet("\(prefix)keyStore.password") {
            problems.append("\(values.place(of: key))\(key) and \(prefix)keyStore.password are both set: keep one")
        }
        do throws(UnreadableSettings) {
            let line = try PropertiesFile.lines(reading: path).first ?? ""
            return line.isEmpty ? nil : line
        } catch {
            problems.append("\(values.place(of: key))\(key): \(error)")
            return nil
        }
    }

    private mutating func readAdmin(_ values: SettingValues, problems: inout [String]) {
        guard values.boolean("admin.enableServer") else { return }
        var settings = AdminSettings(
            endpoint: Endpoint(
                host: values.text("admin.serverAddress"), port: Int(values.integer("admin.serverPort"))))
        settings.commandPath = Self.plain(values.text("admin.commandURL"))
        settings.idleTimeout = values.milliseconds("admin.idleTimeout")
        settings.takesPlaintext = !values.boolean("admin.forceHttps")
        settings.tls = Self.adminTLS(values, problems: &problems)
        settings.stateInterval = values.milliseconds("admin.rateLimiterIntervalInMS")
        settings.allowsSnapshot = values.boolean("admin.snapshot.enabled")
        settings.allowsRestore = values.boolean("admin.restore.enabled")
        if settings.commandPath.utf8.first != UInt8(ascii: "/") || settings.commandPath == "/" {
            problems.append(
                "\(values.place(of: "admin.commandURL"))admin.commandURL='\(settings.commandPath)' is not allowed: "
                    + "a path like /commands")
        }
        admin = settings
    }

    /// As Apache ZooKeeper has it, operators are shown what members are.
    private static func adminTLS(_ values: SettingValues, problems: inout [String]) -> TLSSettings? {
        guard let key = ["admin.forceHttps", "admin.portUnification"].first(where: values.boolean) else { return nil }
        let prefix = values["ssl.quorum.keyStore.location"] == nil ? "ssl." : "ssl.quorum."
        var settings = tls(values, prefix: prefix, for: key, problems: &problems)
        let needsCertificate = values.boolean("admin.needClientAuth")
        settings?.clientCertificates = needsCertificate ? .required : .none
        if needsCertificate, settings?.trust == nil {
            problems.append(
                "\(values.place(of: "admin.needClientAuth"))admin.needClientAuth needs \(prefix)trustStore.location")
        }
        return settings
    }

    private mutating func readMetrics(_ values: SettingValues) {
        guard values.text("metricsProvider.className") == CoordinatorSchema.prometheusMetricsProvider else { return }
        var settings = MetricsSettings(
            endpoint: Endpoint(
                host: values.text("metricsProvider.httpHost"), port: Int(values.integer("metricsProvider.httpPort"))))
        settings.includesProcess = values.boolean("metricsProvider.exportJvmInfo")
        metrics = settings
    }

    private mutating func readSessions(_ values: SettingValues, problems: inout [String]) {
        tickTime = values.milliseconds("tickTime")
        let shortest = values.isSet("minSessionTimeout") ? values.milliseconds("minSessionTimeout") : tickTime * 2
        let longest = values.isSet("maxSessionTimeout") ? values.milliseconds("maxSessionTimeout") : tickTime * 20
        guard shortest <= longest else {
            let key = values.isSet("minSessionTimeout") ? "minSessionTimeout" : "maxSessionTimeout"
            problems.append(
                "\(values.place(of: key))minSessionTimeout (\(shortest.milliseconds) ms) is above maxSessionTimeout "
                    + "(\(longest.milliseconds) ms); not set, they are 2 and 20 times tickTime")
            return
        }
        sessionTimeouts = shortest...longest
    }

    private mutating func readLimits(_ values: SettingValues) {
        maximumConnectionsPerAddress = Int(values.integer("maxClientCnxns"))
        maximumConnections = Int(values.integer("maxCnxns"))
        maximumFrameSizeInBytes = Int(values.integer("jute.maxbuffer"))
        outstandingRequestLimit = Int(values.integer("globalOutstandingLimit"))
        let throttled = Int(values.integer("requestThrottleLimit"))
        if throttled > 0 { outstandingRequestLimit = min(outstandingRequestLimit, throttled) }
        servesReadOnly = values.boolean("readonlymode.enabled")
        if values.boolean("localSessionsEnabled") {
            localSessions = values.boolean("localSessionsUpgradingEnabled") ? .upgraded : .always
        }
        let tokens = values.integer("connectionMaxTokens")
        connectingRate =
            tokens == 0
            ? nil
            : ConnectingRate(
                most: tokens, refill: values.integer("connectionTokenFillCount"),
                interval: values.milliseconds("connectionTokenFillTime"))
        sweepInterval = values.milliseconds("znode.container.checkIntervalMs")
        deletionsPerMinute = values.integer("znode.container.maxPerMinute")
        let unused = values.milliseconds("znode.container.maxNeverUsedIntervalMs")
        longestUnusedTime = unused > .zero ? unused : nil
        allowsTTL = values.boolean("extendedTypesEnabled")
        keepsDigest = values.boolean("digest.enabled")
        enforcesQuotas = values.boolean("enforceQuota")
    }

    /// The schemes of `authProvider.N=class`, by the names of Apache ZooKeeper's classes: there is no Java here to run
    /// others.
    private static func authenticationProviders(in file: PropertiesFile) -> Set<String> {
        let schemes = [
            "DigestAuthenticationProvider": "digest", "IPAuthenticationProvider": "ip",
            "SASLAuthenticationProvider": "sasl", "X509AuthenticationProvider": "x509",
        ]
        var named: Set<String> = []
        for entry in file.entries {
            let key = entry.key.dropping(CoordinatorSchema.systemPropertyPrefix) ?? entry.key
            guard key.hasPrefix("authProvider."), let name = entry.value.split(separator: ".").last else { continue }
            if let scheme = schemes[String(name)] { named.insert(scheme) }
        }
        return named
    }

    private mutating func readAccess(_ values: SettingValues, providers: Set<String>, problems: inout [String]) {
        digestAlgorithm = DigestAlgorithm(rawValue: values.text("DigestAuthenticationProvider.digestAlg")) ?? .sha1
        schemes.formUnion(providers)
        if secure != nil { schemes.insert("x509") }
        if sasl != nil { schemes.insert("sasl") }
        var required = values.boolean("enforce.auth.enabled") ? Set(values.list("enforce.auth.schemes")) : nil
        if required?.isEmpty == true {
            problems.append(
                "\(values.place(of: "enforce.auth.enabled"))enforce.auth.enabled needs enforce.auth.schemes: name the "
                    + "schemes by which clients may authenticate")
        }
        if values.boolean("sessionRequireClientSASLAuth") { required = (required ?? []).union(["sasl"]) }
        for scheme in (required ?? []).subtracting(schemes).sorted() {
            problems.append(
                "\(values.path): clients shall authenticate by scheme \(scheme), which no authProvider line offers")
        }
        requiredSchemes = required
        checksACLs = values.text("skipACL") == "no"
        checksAccessEarly = values.boolean("enableEagerACLCheck")
        superDigest = values["DigestAuthenticationProvider.superDigest"]
        superSubject = values["X509AuthenticationProvider.superUser"]
    }

    private mutating func readFourLetterWords(_ values: SettingValues, problems: inout [String]) {
        let key = "4lw.commands.whitelist"
        fourLetterWords = []
        for name in values.list(key) {
            if name == "*" {
                fourLetterWords = Set(FourLetterWord.allCases)
            } else if let word = FourLetterWord(rawValue: name) {
                fourLetterWords.insert(word)
            } else {
                problems.append(
                    "\(values.place(of: key))\(key): '\(name)' is not allowed: "
                        + "*, \(FourLetterWord.allCases.map(\.rawValue).joined(separator: ", "))")
            }
        }
    }
}

extension String {
    /// What follows `prefix`; nil when it does not start with it.
    func dropping(_ prefix: String) -> String? {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
    }
}
