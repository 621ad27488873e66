import Settings

/// The keys that Apache ZooKeeper documents and that change nothing here, each with the reason.
enum KeysWithoutEffect {
    static let all: [IgnoredKeys] = storage + traffic + security + ensemble + runtime

    private static let storage = [
        IgnoredKeys(
            ["flushDelay", "maxWriteQueuePollTime", "maxBatchSize"],
            because: "all that is queued is made durable together, at once"),
        IgnoredKeys(["snapshot.compression.method"], because: "snapshots are not compressed"),
        IgnoredKeys(
            ["serializeLastProcessedZxid.enabled", "closeSessionTxn.enabled"],
            because: "the coordinator's own files always hold what it switches on"),
    ]

    private static let traffic = [
        IgnoredKeys(
            [
                "requestThrottleStallTime", "requestThrottleDropStale",
                "requestStaleLatencyCheck", "requestStaleConnectionCheck",
                "request_throttler.shutdownTimeout", "largeRequestMaxBytes", "largeRequestThreshold",
            ],
            because: "globalOutstandingLimit and jute.maxbuffer bound what requests may take"),
        IgnoredKeys(
            [
                "connectionFreezeTime",
                "connectionDropIncrease", "connectionDropDecrease", "connectionDecreaseRatio",
                "connection_throttle_tokens", "connection_throttle_fill_time", "connection_throttle_fill_count",
                "connection_throttle_freeze_time", "connection_throttle_drop_increase",
                "connection_throttle_drop_decrease", "connection_throttle_decrease_ratio",
                "connection_throttle_weight_enabled", "connection_throttle_global_session_weight",
                "connection_throttle_local_session_weight", "connection_throttle_renew_session_weight",
            ],
            because: "connectionMaxTokens and its filling bound how many clients come at once"),
        IgnoredKeys(
            ["maxResponseCacheSize", "maxGetChildrenResponseCacheSize"], because: "there are no caches of responses"),
        IgnoredKeys(
            ["throttledOpWaitTime", "throttled_op_wait_time"],
            because: "requests do not queue before they are served: connections are not read meanwhile"),
        IgnoredKeys(["jute.maxbuffer.extrasize"], because: "the coordinator's own files have limits of their own"),
        IgnoredKeys(["tcpKeepAlive", "clientTcpKeepAlive"], because: "it is always on"),
        IgnoredKeys(["clientPortListenBacklog"], because: "it is 1024"),
        IgnoredKeys(
            [
                "watchManagerName", "watcherCleanThreadsNum", "watcherCleanThreshold", "watcherCleanIntervalInSeconds",
                "maxInProcessingDeadWatchers", "bitHashCacheSize",
            ],
            because: "there is one way of keeping watches, for few and for many"),
    ]

    private static let security = [
        IgnoredKeys(
            [
                "ssl.protocol", "ssl.sslProvider", "ssl.context.supplier.class", "ssl.quorum.protocol",
                "ssl.quorum.context.supplier.class", "fips-mode",
            ],
            because: "TLS is OpenSSL's; ssl.enabledProtocols and ssl.ciphersuites say what it may do"),
        IgnoredKeys(
            ["ssl.hostnameVerification", "ssl.clientHostnameVerification", "ssl.allowReverseDnsLookup"],
            because: "clients are known by the subject of their certificate, not by the name of their host"),
        IgnoredKeys(
            ["client.certReload", "sslQuorumReloadCertFiles"],
            because: "certificates are always read again when their files change"),
        IgnoredKeys(
            ["ssl.authProvider"], because: "there is one: it takes the certificate's subject for the client's name"),
        IgnoredKeys(
            ["ssl.handshakeDetectionTimeoutMillis", "netty.server.outstandingHandshake.limit"],
            because: "a handshake has ten seconds"),
        IgnoredKeys(["audit.impl.class"], because: "there is one audit log; audit.logFile says where it goes"),
    ]

    private static let ensemble = [
        IgnoredKeys(["electionAlg"], because: "there is one way of election"),
        IgnoredKeys(
            [
                "fastleader.minNotificationInterval", "fastleader.maxNotificationInterval", "maxTimeToWaitForEpoch",
                "quorumCnxnTimeoutMs", "quorum.cnxn.threads.size", "connectToLearnerMasterLimit",
                "leaderConnectDelayDuringRetryMs", "observer.reconnectDelayMs", "observer.election.DelayMs",
                "learner.closeSocketAsync", "leader.closeSocketAsync", "learner.asyncSending",
                "forward_learner_requests_to_commit_processor_disabled", "multiAddress.enabled",
                "multiAddress.reachabilityCheckTimeoutMs", "multiAddress.reachabilityCheckEnabled",
            ],
            because: "members find and follow each other in their own way"),
        IgnoredKeys(
            ["commitLogCount", "maxConcurrentSnapSyncs", "maxConcurrentDiffSyncs"],
            because: "what members that lag are sent is bounded in bytes"),
        IgnoredKeys(["syncEnabled"], because: "observers always keep a log and snapshots"),
        IgnoredKeys(
            ["observerMasterPort"], because: "observers follow the leader alone"),
        IgnoredKeys(
            ["leaderServes"], because: "members serve clients while they lead"),
        IgnoredKeys(
            ["ssl.quorum.clientHostnameVerification"], because: "a member that dials says itself which one it is"),
        IgnoredKeys(
            [
                "follower.nodelay", "leader.nodelay", "leader.maxConcurrentSnapshots", "leader.maxConcurrentDiffs",
                "learner.packetSendQueueSize",
            ],
            because: "what is sent to a member goes out at once, and what waits is bounded"),
    ]

    private static let runtime = [
        IgnoredKeys(
            [
                "serverCnxnFactory", "nio.numSelectorThreads", "nio.numWorkerThreads", "nio.directBufferBytes",
                "nio.shutdownTimeout", "nio.sessionlessCnxnTimeout", "netty.advancedFlowControl.enabled",
                "commitProcessor.numWorkerThreads", "commitProcessor.shutdownTimeout",
                "commitProcessor.maxReadBatchSize", "commitProcessor.maxCommitBatchSize",
                "metricsProvider.numWorkerThreads", "metricsProvider.maxQueueSize",
                "metricsProvider.workerShutdownTimeoutMs",
            ],
            because: "threads are few, and one a core"),
        IgnoredKeys(
            [
                "jvm.pause.monitor", "jvm.pause.info-threshold.ms", "jvm.pause.warn-threshold.ms",
                "jvm.pause.sleep.time.ms", "messageTracker.BufferSize", "messageTracker.Enabled",
                "intBufferStartingSizeBytes", "emulate353TTLNodes",
            ],
            because: "it is about Java, or about an old release"),
    ]
}
