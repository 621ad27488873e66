/// What was decided about a link while mirrors run; it stands before what their files say.
package struct LinkDecision: Sendable, Equatable {
    package enum State: String, Sendable, CaseIterable {
        case running
        /// Reads nothing and forgets nothing.
        case paused
        /// There is no such link, whatever files say.
        case deleted
    }

    /// Also set for links that no file enables.
    package static let enabling = "enabled"

    package var state: State
    /// By the names that keys have in a file behind `source->target.`.
    package var settings: [String: String]
    /// In the words of who decided; nil when nothing was said.
    package var reason: String?
    package var decidedAtUnixMilliseconds: Int64

    package init(_ state: State, _ settings: [String: String] = [:], reason: String? = nil, at unixMilliseconds: Int64)
    {
        self.state = state
        self.settings = settings
        self.reason = reason
        decidedAtUnixMilliseconds = unixMilliseconds
    }
}
