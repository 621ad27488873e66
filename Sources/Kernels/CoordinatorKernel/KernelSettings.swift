import ZNodes

/// What a coordinator's decisions depend on.
package struct KernelSettings: Sendable {
    /// Granted session timeouts, in milliseconds.
    package var sessionTimeouts: ClosedRange<Int32> = 6000...60_000
    package var tree = ZNodesSettings()
    /// ``SessionSecret/size`` bytes.
    package var sessionSecret: [UInt8]
    /// Sessions that Apache ZooKeeper has given passwords to, before its data directory was taken over.
    package var inheritedSessions: Set<Int64> = []
    /// `user:hash`
    package var superDigest: String?
    package var digestAlgorithm = DigestAlgorithm.sha1
    /// Clients are served only when they have shown an identity of one of these schemes; nil for all clients.
    package var requiredSchemes: Set<String>?
    package var superSubject: String?
    /// nil: nobody authenticates by SASL.
    package var sasl: SASLPolicy?
    /// Whether clients may change the ensemble.
    package var allowsReconfiguration = false
    /// Whether a member looks at access lists before it asks its leader (`enableEagerACLCheck`).
    package var checksAccessEarly = false
    /// Whether everything that changes the tree is told to the audit log.
    package var audits = false
    package var localSessions = LocalSessionPolicy.never
    /// Whether a member without a quorum answers the reads of clients that say they want no more.
    package var servesReadOnly = false
    /// nil: any number of clients may come at once.
    package var connectingRate: ConnectingRate?
    /// Changes between two snapshots.
    package var changesPerSnapshot = 100_000
    /// Bytes of changes after which there is a snapshot too, however few they are.
    package var logBytesPerSnapshot = 4 << 30

    package init(sessionSecret: [UInt8]) { self.sessionSecret = sessionSecret }
}
