import Controller

/// What a drill does about the fork of one mirror topic.
package enum ForkVerdict: Sendable, Equatable {
    /// There is none yet.
    case create
    /// It is there, and may lack records: an earlier run was killed, or is still at work.
    case fill
    /// It has all, and is not writable yet.
    case promote
    /// It is writable; an application may be at work on it.
    case leave
    /// Something stands in its place: what, and what to do about it, for people.
    case blocked(because: String)
}

extension ForkLink {
    /// - Parameters:
    ///   - topic: a mirror topic.
    ///   - present: the topic with the fork's name; nil when there is none.
    package func verdict(on topic: String, present: StandingTopic?) -> ForkVerdict {
        guard let present else { return .create }
        let name = fork(of: topic)
        guard present.standing.link == self.name else {
            return .blocked(
                because: "\(name) is there and is no fork of this drill: choose another --prefix, or delete it")
        }
        switch present.standing.state {
        case .mirroring: return .fill
        case .promoting: return .promote
        case .ordinary: return .leave
        case .fenced: return .blocked(because: "\(name) has been fenced: end the drill (martlet mirror drill end)")
        }
    }

    /// Settings of a mirror topic that its fork gets: all that were set for it, but not what says where its home is and
    /// which link its writers wait for.
    package func settings(of topic: [String: String]) -> [String: String] {
        topic.filter { !MirrorStanding.keys.contains($0.key) && !Synchrony.keys.contains($0.key) }
    }
}
