import Settings

extension CoordinatorSchema {
    /// The keys of a member of an ensemble, besides the lines that name the members.
    static let ensembleKeys: [SettingKey] = [
        SettingKey(
            "dynamicConfigFile", .text, default: nil,
            "File with the server, group and weight lines, which then stand nowhere else. With reconfigEnabled, each "
                + "ensemble that is agreed on is written to a new file beside this one, and named here."),
        SettingKey(
            "peerType", .word(["participant", "observer"]), default: nil,
            "What this member is; the server lines decide, this may only agree with them."),
        SettingKey(
            "standaloneEnabled", .boolean, default: "true",
            "Whether a coordinator whose only server line is its own serves without an ensemble, which then cannot grow."
        ),
        SettingKey(
            "reconfigEnabled", .boolean, default: "false",
            "Whether clients may change who belongs to the ensemble. Members then write their configuration files."),
        SettingKey(
            "skipReconfigBackup", .boolean, default: "false",
            "Whether no copy of this file (with .bak behind its name) is made before server lines are moved out of it."),
        SettingKey(
            "quorum.heartbeatIntervalMs", .integer(10...10_000), default: "100",
            "Milliseconds from one heartbeat of the leader to the next. Only Martlet knows this key."),
        SettingKey(
            "quorum.electionTimeoutMs", .integer(50...60_000), default: "500",
            "Milliseconds without a heartbeat, or without a quorum, until members look for another leader; at least "
                + "three heartbeats. Only Martlet knows this key."),
        SettingKey(
            "initLimit", .integer(1...Int64(Int32.max)), default: "10",
            "Bounds nothing here: a member that lags is sent what it lacks for as long as it answers."),
        SettingKey(
            "syncLimit", .integer(1...Int64(Int32.max)), default: "5",
            "Bounds nothing here: quorum.electionTimeoutMs says how long members wait for each other."),
        SettingKey(
            "electionPortBindRetry", .integer(0...Int64(Int32.max)), default: "3",
            "How often ports for other members are tried, a second apart, until the start fails; 0 for ever."),
        SettingKey(
            "quorumListenOnAllIPs", .boolean, default: "false",
            "Whether ports for other members are opened on all addresses, and not only on that of the own server line."),
        SettingKey(
            "cnxTimeout", .integer(1...Int64(Int32.max)), default: "1000",
            "Milliseconds until dialling a member is given up, TLS included; it is dialled again at once."),
        SettingKey(
            "digest.enabled", .boolean, default: "true",
            "Whether a digest of the tree is kept, which the word hash shows and by which members notice that their trees "
                + "differ. It makes changes dearer, the more the longer data is."),
        SettingKey(
            "enableEagerACLCheck", .boolean, default: "false",
            "Whether members refuse what access lists forbid by what they know themselves, and do not ask their leader."
        ),
        SettingKey("sslQuorum", .boolean, default: "false", "Whether members talk to each other over TLS."),
        SettingKey(
            "ssl.quorum.keyStore.location", .text, default: nil,
            "PEM file with the private key that this member shows others, its certificate and chain."),
        SettingKey(
            "ssl.quorum.keyStore.password", .secret, default: nil, "Password of the private key, if it is encrypted."),
        SettingKey(
            "ssl.quorum.keyStore.passwordPath", .text, default: nil,
            "File whose first line is that password, in place of ssl.quorum.keyStore.password."),
        SettingKey("ssl.quorum.keyStore.type", .word(["PEM"]), default: "PEM", "Only PEM is read."),
        SettingKey(
            "ssl.quorum.trustStore.location", .text, default: nil,
            "PEM file with the authorities of the other members' certificates."),
        SettingKey("ssl.quorum.trustStore.password", .secret, default: nil, "Means nothing to PEM files."),
        SettingKey("ssl.quorum.trustStore.type", .word(["PEM"]), default: "PEM", "Only PEM is read."),
        SettingKey(
            "ssl.quorum.clientAuth", .word(["none", "want", "need"]), default: "need",
            "Whether a member that dials shows its certificate: never, if it has one, or always."),
        SettingKey(
            "ssl.quorum.hostnameVerification", .boolean, default: "true",
            "Whether the certificate of a member that is dialled has to name the host of its server line."),
        SettingKey(
            "ssl.quorum.enabledProtocols", .list, default: "TLSv1.2,TLSv1.3", "Versions of TLS that are spoken."),
        SettingKey(
            "ssl.quorum.ciphersuites", .list, default: "", "Cipher suites, best first; OpenSSL's choice if empty."),
        SettingKey(
            "quorum.auth.enableSasl", .boolean, default: "false",
            "Whether members that dial may authenticate by SASL, by java.security.auth.login.config. To switch it on "
                + "without a stop, restart all members with this, then with the next key, then with the one after."),
        SettingKey(
            "quorum.auth.learnerRequireSasl", .boolean, default: "false",
            "Whether this member authenticates to those it dials, which all must have quorum.auth.enableSasl."),
        SettingKey(
            "quorum.auth.serverRequireSasl", .boolean, default: "false",
            "Whether members that dial this one have to authenticate, which all must have quorum.auth.learnerRequireSasl."
        ),
        SettingKey(
            "quorum.auth.learner.saslLoginContext", .text, default: "QuorumLearner",
            "Section of the JAAS file by which this member authenticates to others."),
        SettingKey(
            "quorum.auth.server.saslLoginContext", .text, default: "QuorumServer",
            "Section of the JAAS file by which others authenticate to this member."),
        SettingKey(
            "quorum.auth.kerberos.servicePrincipal", .text, default: "zkquorum/localhost",
            "What members are called in Kerberos; the host may be _HOST, that of the member that is dialled."),
    ]

    /// How members are named, for the reference.
    static let membersReference = """

        # The members of an ensemble, one line each; N is 0 to 255 and stands in the file myid of that member's dataDir:
        #   server.N=host:quorumPort:electionPort[:participant|observer][;[clientHost:]clientPort]
        # IPv6 addresses stand in brackets. A machine with several networks has several host:quorumPort:electionPort with
        # | between them; they are dialled in turn until one answers.
        #server.1=one.example:2888:3888:participant;2181
        #server.2=two.example:2888:3888:participant;2181
        #server.3=three.example:2888:3888:participant;2181

        # Votes that count differently, and quorums of groups: more than half of the weight in more than half of the
        # groups decides.
        #group.1=1:2:3
        #weight.1=1

        """
}
