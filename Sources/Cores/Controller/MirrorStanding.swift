/// Whether a topic's home, the cluster where clients write it, is this one, as its settings say. Nothing but an
/// alteration of mirrors writes those settings.
///
///     ordinary ──fence──▶ fenced ──rewind──▶ mirroring ──beginPromotion──▶ promoting ──promote──▶ ordinary
///                            └──────────────────reclaim────────────────────────▲
package struct MirrorStanding: Sendable, Equatable {
    package enum State: Int8, Sendable {
        /// The home is here.
        case ordinary = 0
        /// The home is elsewhere: only the topic's link writes.
        case mirroring = 1
        /// The home is on its way here: nobody writes.
        case promoting = 2
        /// The home has moved away: nobody writes.
        case fenced = 3
    }

    package static let stateKey = "mirror.state"
    package static let linkKey = "mirror.link"
    package static let sourceKey = "mirror.source.cluster.id"
    package static let homeEpochKey = "mirror.home.epoch"
    /// The settings that say it and where the topic was cut, sorted.
    package static let keys = [MirrorCuts.key, homeEpochKey, linkKey, sourceKey, stateKey]

    package var state: State
    /// By which link, `source->target`, the topic came here or went away; empty for one that never moved.
    package var link: String
    /// Empty for a topic that never moved.
    package var sourceClusterID: String
    /// Which of two homes is the later one. The thousands count homes that were lost, the rest moves and what was given up
    /// of them: so nothing that a lost home has done alone before outranks the one that has taken its place.
    package var homeEpoch: Int32

    package init(state: State, link: String, sourceClusterID: String, homeEpoch: Int32) {
        self.state = state
        self.link = link
        self.sourceClusterID = sourceClusterID
        self.homeEpoch = homeEpoch
    }

    /// How many home epochs a home may go through alone before it is lost.
    private static let epochsOfHome: Int32 = 1000

    /// Of a topic whose home was always here.
    package static let ordinary = MirrorStanding(state: .ordinary, link: "", sourceClusterID: "", homeEpoch: 0)

    /// What a topic's own settings say. Where a foreign hand has written a state that there is not, nobody writes.
    package init(_ configs: [String: String]) {
        state = configs[Self.stateKey].map { State(name: $0) ?? .fenced } ?? .ordinary
        link = configs[Self.linkKey] ?? ""
        sourceClusterID = configs[Self.sourceKey] ?? ""
        homeEpoch = configs[Self.homeEpochKey].flatMap { Int32($0) } ?? 0
    }

    /// The home epoch before that which a topic gets where it is taken over from a home that is lost, and that was last heard
    /// of in an epoch; nil where there is none left.
    static func epochBeforeTakingOver(from homeEpoch: Int32) -> Int32? {
        // Half of them at least may have gone by unheard.
        let ahead: Int32 = homeEpoch % epochsOfHome < epochsOfHome / 2 ? 1 : 2
        let (next, isTooMuch) = (homeEpoch / epochsOfHome + ahead).multipliedReportingOverflow(by: epochsOfHome)
        return isTooMuch ? nil : next - 1
    }

    /// The topic's own settings with this standing instead of theirs.
    package func settings(in configs: [String: String]) -> [String: String] {
        var configs = configs
        configs[Self.stateKey] = state.name
        configs[Self.linkKey] = link.isEmpty ? nil : link
        configs[Self.sourceKey] = sourceClusterID.isEmpty ? nil : sourceClusterID
        configs[Self.homeEpochKey] = homeEpoch == 0 && state == .ordinary ? nil : String(homeEpoch)
        return configs
    }
}

extension MirrorStanding.State {
    /// As the setting has it; nil where it is not set.
    package var name: String? {
        switch self {
        case .ordinary: nil
        case .mirroring: "mirroring"
        case .promoting: "promoting"
        case .fenced: "fenced"
        }
    }

    fileprivate init?(name: String) {
        switch name {
        case "mirroring": self = .mirroring
        case "promoting": self = .promoting
        case "fenced": self = .fenced
        default: return nil
        }
    }
}
