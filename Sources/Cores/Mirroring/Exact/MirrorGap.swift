import ClusterModel

/// What a link does when a mirror topic can no longer become what its source is without losing something
/// (`mirror.gap.policy`). Whatever it is, the gap is in the ledger before anything is done.
package enum GapPolicy: String, Sendable, CaseIterable {
    /// The partition rests until somebody decides.
    case stop
    /// What cannot be had is left out, and what comes after it is copied. What the target holds and the source does not
    /// stays. A topic that was made anew has nothing in common with its copy: the partition rests.
    case `continue`
    /// The target becomes what the source is, also where that means to throw away what only the target holds.
    case rewind
}

/// Records that a mirror topic lacks, or has and its source has not.
package struct MirrorGap: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        /// The source's log begins beyond the target's end: retention or a deletion was quicker than the mirror.
        case overtaken
        /// The source has lost records that were mirrored, in an election of a leader that lacked them.
        case truncated
        /// The source's topic was deleted and made anew: it has another id.
        case recreated
    }

    /// What is to be done about a gap that is in the ledger.
    package enum Remedy: Sendable, Equatable {
        case rest
        /// The target's log is emptied and begins again where the source's does.
        case beginAtSource
        /// Copying goes on behind the target's end.
        case goOnBehindEnd
        /// The mirror topic is deleted, and mirrored anew from the source's beginning.
        case mirrorAnew
    }

    package var kind: Kind
    /// Overtaken: what the target never gets. Truncated: what the target holds and the source no longer has, from where
    /// they were first seen to differ. Recreated: all that the target holds.
    package var offsets: Range<Offset>

    package init(_ kind: Kind, _ offsets: Range<Offset>) {
        self.kind = kind
        self.offsets = offsets
    }

    package func remedy(under policy: GapPolicy) -> Remedy {
        switch (kind, policy) {
        case (_, .stop), (.recreated, .continue): .rest
        case (.overtaken, .continue), (.overtaken, .rewind): .beginAtSource
        case (.truncated, .continue): .goOnBehindEnd
        case (.truncated, .rewind), (.recreated, .rewind): .mirrorAnew
        }
    }

    /// For people.
    package var description: String {
        let range = "[\(offsets.lowerBound), \(offsets.upperBound))"
        return switch kind {
        case .overtaken: "the source deleted \(range) before it was mirrored"
        case .truncated: "the source no longer has what was mirrored of \(range)"
        case .recreated: "the source's topic was deleted and made anew; \(range) is of the old one"
        }
    }
}
