import ClusterModel
import Controller

/// The steps by which a mirror topic becomes an ordinary one, and by which a fenced one does whose new home is lost,
/// derived each time anew from what the partitions' leaders say. So whoever was killed between two of them goes on by
/// asking again.
///
///     mirroring ──begin────▶ promoting ──abort──▶ promoting, nothing open ──promote──▶ ordinary
///     fenced    ──reclaim──▶ promoting
package enum TopicPromotion {
    package enum Step: Sendable, Equatable {
        /// Nobody is to write it any more.
        case begin(homeEpoch: Int32)
        /// Its home is to be here again.
        case reclaim(homeEpoch: Int32)
        /// Leaders have to hear of the last step first, or to commit what they have; these have not, or there are none.
        case wait(for: [Int32])
        /// Transactions are open in these partitions, and whoever has begun them is on the other side.
        case abort([Int32])
        /// All is settled: what stands behind the cuts is dropped, and producers are let in.
        case promote(homeEpoch: Int32, cuts: [Int32: Offset])
        /// Its home is here.
        case done(homeEpoch: Int32)
        /// It is no mirror topic of the link.
        case refuse(String)
    }

    /// The next step.
    /// - Parameters:
    ///   - partitions: by index, as far as leaders have answered.
    ///   - count: how many partitions there are.
    ///   - link: by which the topic came; of one that is reclaimed, by which its home went away.
    package static func next(
        _ partitions: [Int32: PartitionStanding], count: Int32, link: String, reclaims: Bool = false
    ) -> Step {
        let silent = (0..<max(0, count)).filter { partitions[$0] == nil }
        guard silent.isEmpty else { return .wait(for: silent) }
        let ordered = partitions.sorted { $0.key < $1.key }
        if reclaims {
            // The tree has it fenced; leaders that have not heard of that yet say it is ordinary.
            let late = ordered.filter { $0.value.link != link }.map(\.key)
            if !late.isEmpty { return .wait(for: late) }
        } else if let stranger = ordered.first(where: { $0.value.link != link || $0.value.state == .fenced })?.value {
            return .refuse(
                "it is \(stranger.state.name ?? "ordinary")"
                    + (stranger.link.isEmpty ? "" : " by link \(stranger.link)")
                    + " (home epoch \(stranger.homeEpoch))")
        }
        let homeEpoch = ordered.map(\.value.homeEpoch).max() ?? 0
        let states = Set(ordered.map(\.value.state))
        if states == [.ordinary] { return .done(homeEpoch: homeEpoch) }
        if states == [.mirroring] { return .begin(homeEpoch: homeEpoch) }
        if states == [.fenced] { return .reclaim(homeEpoch: homeEpoch) }
        guard states == [.promoting] else {
            // Whoever has taken the step is ahead of the others.
            let last: MirrorStanding.State = states.contains(.ordinary) ? .ordinary : .promoting
            return .wait(for: ordered.filter { $0.value.state != last }.map(\.key))
        }
        let open = ordered.filter(\.value.hasOpenTransactions).map(\.key)
        if !open.isEmpty { return .abort(open) }
        // A new leader may not know yet how much of what it has is committed.
        let uncertain = ordered.filter { !$0.value.isCommitted }.map(\.key)
        if !uncertain.isEmpty { return .wait(for: uncertain) }
        return .promote(homeEpoch: homeEpoch, cuts: partitions.mapValues(\.lastStableOffset))
    }

    /// Whether the target has all that the source had when it was fenced, so that it may take the source's place without
    /// a loss. What is not settled at the source might be committed there only after the move.
    package static func isComplete(source: PartitionStanding, target: PartitionStanding) -> Bool {
        source.state == .fenced && source.isSettled && target.end == source.end && target.isCommitted
    }

    /// Whether a leader at the target says that the promotion of the topic has begun, or was finished. What is being promoted
    /// had everything when that began; the markers of aborts that it has got since are its own.
    /// - Parameter homeEpoch: of the topic as the mirror that is to be promoted.
    package static func hasBegun(_ target: PartitionStanding, link: String, homeEpoch: Int32) -> Bool {
        guard target.link == link else { return false }
        return switch target.state {
        case .promoting: target.homeEpoch >= homeEpoch
        case .ordinary: target.homeEpoch > homeEpoch
        case .mirroring, .fenced: false
        }
    }
}
