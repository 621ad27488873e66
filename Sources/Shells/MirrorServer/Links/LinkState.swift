/// What a link does now, by its file and by what was decided about it.
package enum LinkState: String, Sendable, CaseIterable, Encodable {
    /// The file does not enable it, and nothing was decided.
    case disabled
    case running
    case paused
    case deleted
    /// It cannot be as was decided, and rests until that is mended.
    case refused
}

extension LinkSettings {
    package var state: LinkState {
        if refusal != nil { return .refused }
        switch decision?.state {
        case .deleted: return .deleted
        case .paused where isEnabled: return .paused
        default: return isEnabled ? .running : .disabled
        }
    }

    /// Why it is in its state, for people; nil when nobody has said.
    package var cause: String? { refusal ?? decision?.reason }

    /// Whether it is enabled, or something was decided about it.
    package var isOfInterest: Bool { isEnabled || decision != nil || refusal != nil }
}
