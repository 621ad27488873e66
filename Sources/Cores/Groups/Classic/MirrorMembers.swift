/// The groups in which mirrors share the work of a link. Their members say little and often, and a link must not rest for
/// long when one dies: shorter sessions are allowed than to consumers, and the first member waits for no others, for what
/// it begins with it gives away again without resting.
enum MirrorMembers {
    static let protocolType = "martlet-mirror"
    private static let shortestSessionInMilliseconds: Int32 = 500

    /// Whether a member may have such a session.
    static func allowsSession(_ milliseconds: Int32, protocolType: String, _ settings: GroupSettings) -> Bool {
        let allowed = settings.sessionTimeoutsInMilliseconds
        if allowed.contains(milliseconds) { return true }
        return protocolType == Self.protocolType && milliseconds >= shortestSessionInMilliseconds
            && milliseconds <= allowed.upperBound
    }

    /// How long a group without members waits for more of them when the first has come.
    static func initialDelay(protocolType: String?, _ settings: GroupSettings) -> Duration {
        protocolType == Self.protocolType ? .zero : settings.initialRebalanceDelay
    }
}
