import Mirroring

/// How one cluster is mirrored to another: a link `source->target`.
package struct LinkSettings: Sendable {
    /// Where the offset syncs of a link stand (`offset-syncs.topic.location`).
    package enum SyncsLocation: String, Sendable {
        case source
        case target
    }

    /// How topics come to the target (`mode`).
    package enum Mode: Sendable, Equatable {
        /// As MirrorMaker 2 brings them, to any Kafka.
        case compatible
        /// As mirror topics: with the source's offsets, bytes and ids; to Martlet.
        case exact(GapPolicy)

        /// As the setting has it.
        package var name: String {
            switch self {
            case .compatible: "compatible"
            case .exact: "exact"
            }
        }
    }

    package var source: String
    package var target: String
    package var mode: Mode
    /// What a compatible link does about gaps; that of exact ones stands with their mode.
    package var gapPolicy: GapPolicy
    package var deletionPolicy: DeletionPolicy
    /// With exact mirroring only.
    package var limits: Bandwidth.Limits
    /// With exact mirroring only.
    package var recoveryLimits: RecoveryLimits
    /// For how long the source may be written without word from the target that the home has not moved; nil when that does
    /// not matter. With exact mirroring only.
    package var homeLease: Duration?
    /// How long a process that shares the link may be silent before others have its work; nil when it is not shared.
    package var sessionTimeout: Duration?
    /// A link that is not enabled still emits heartbeats, when those are.
    package var isEnabled: Bool
    package var plan: TopicPlan
    package var groups: NameSelection
    package var topicsInterval: Duration
    /// nil never synchronizes settings of topics that exist already.
    package var topicSettingsInterval: Duration?
    /// nil emits none; so do the other intervals.
    package var heartbeatsInterval: Duration?
    package var checkpointsInterval: Duration?
    package var groupOffsetsInterval: Duration?
    /// With exact mirroring only.
    package var quotasInterval: Duration?
    /// With exact mirroring only.
    package var credentialsInterval: Duration?
    /// Of access rules; with compatible mirroring those of topics alone.
    package var rulesInterval: Duration?
    package var emitsOffsetSyncs: Bool
    package var syncsLocation: SyncsLocation
    package var replication: ReplicationFactors
    /// Where MirrorMaker 2 has left what it knew of its copies. With compatible mirroring only.
    package var formerMirror: FormerMirrorNames
    /// Every key that a link has, in the order of the reference.
    package var sources: [SettingSource]
    /// Those that one topic has at both ends, where the link speaks of its source's by their names at the target. Compatible
    /// links do not: they have the source's, and translate each where it is the target's, for nothing of theirs returns.
    package var names: LinkNames
    /// The same where homes move, which a compatible link does for the exact one the other way.
    package var homeNames: LinkNames
    /// What was decided about it at run time; nil for nothing.
    package var decision: LinkDecision?
    /// Why it cannot be as was decided.
    package var refusal: String?

    /// As it stands in the configuration.
    package var name: String { "\(source)->\(target)" }
    /// The name of the link of the other direction.
    package var reverse: String { "\(target)->\(source)" }
}

/// Into how many replicas topics are created; nil takes three, or as many as there are brokers.
package struct ReplicationFactors: Sendable, Equatable {
    package var remoteTopics: Int16?
    package var offsetSyncs: Int16?
    package var checkpoints: Int16?
    package var heartbeats: Int16?
}

/// What MirrorMaker 2 called its own at the target of a link.
package struct FormerMirrorNames: Sendable, Equatable {
    /// Topics in which its positions may stand.
    package var offsetsTopics: [String]
    /// Groups that its workers may have been members of.
    package var groups: [String]
}
