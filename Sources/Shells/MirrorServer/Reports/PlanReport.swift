import Mirroring

/// What a link would do now, for people and programs.
package struct PlanReport: Sendable, Encodable {
    package enum Action: String, Sendable, Encodable {
        case create
        /// It gets more partitions, other settings, or the number of its home's last move.
        case change
        /// All is as it should be.
        case follow
        /// What MirrorMaker 2 has copied is gone on with.
        case adopt
        /// Its home has moved to the target, and the source is told.
        case fence
        /// Something stands in its place.
        case blocked
        /// Nothing, and nobody has to mend anything.
        case leave
    }

    package struct Topic: Sendable, Encodable {
        package var topic: String
        /// Its name at the target.
        package var remote: String
        /// The patterns of the configuration that it matches.
        package var patterns: [String]
        package var action: Action
        package var partitions: Int32
        /// Settings that the target takes over; null takes one back to the default.
        package var settings: [String: String?] = [:]
        /// Settings that the source takes over: who renews the lease of its topic. null takes one back.
        package var settingsAtSource: [String: String?] = [:]
        /// Why nothing is done, or what to mend; where a copy is taken over, from where on.
        package var reason: String?

        init(_ topic: String, remote: String, patterns: [String], _ action: Action, partitions: Int32) {
            self.topic = topic
            self.remote = remote
            self.patterns = patterns
            self.action = action
            self.partitions = partitions
        }
    }

    package struct Group: Sendable, Encodable {
        package var group: String
        package var patterns: [String]
    }

    package var link: String
    package var mode: String
    package var sourceClusterID = ""
    package var targetClusterID = ""
    package var topics: [Topic] = []
    package var groups: [Group] = []
    /// What follows besides: quotas, credentials, access rules.
    package var following: [FollowReport] = []
    /// Patterns that no topic of the source matches.
    package var unmatchedPatterns: [String] = []
    /// Patterns that no group of the source matches.
    package var unmatchedGroupPatterns: [String] = []
    /// Why the link does nothing at all, and what to mend; nil when it works.
    package var refusal: String?

    init(_ settings: LinkSettings) {
        link = settings.name
        mode = settings.mode.name
    }

    /// Whether nothing stands in the way of what the configuration asks for.
    package var isFeasible: Bool { refusal == nil && topics.allSatisfy { $0.action != .blocked } }
}
