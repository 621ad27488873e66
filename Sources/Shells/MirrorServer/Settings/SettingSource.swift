/// Where the value of one setting of a link comes from.
package struct SettingSource: Sendable, Equatable {
    package enum Place: Sendable, Equatable {
        /// Nobody has set it.
        case standard
        /// For this link, or for all: as the key stands there.
        case file(path: String, line: Int, key: String)
        /// `martlet mirror set` or `create`.
        case decision
    }

    /// As it stands in a file behind `source->target.`.
    package var key: String
    /// nil when nobody has set it and there is no default.
    package var value: String?
    package var place: Place
}

extension SettingSource.Place: CustomStringConvertible {
    package var description: String {
        switch self {
        case .standard: "default"
        case .file(let path, let line, let key): "\(path):\(line) (\(key))"
        case .decision: "martlet mirror"
        }
    }
}
