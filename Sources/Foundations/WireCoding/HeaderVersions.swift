extension ApiKey {
    private func isFlexible(_ version: Int16) -> Bool {
        firstFlexibleVersion.map { version >= $0 } ?? false
    }

    /// The version of the header in front of a request of `version` (KIP-482).
    package func requestHeaderVersion(for version: Int16) -> Int16 {
        if self == .controlledShutdown, version == 0 { return 0 }
        return isFlexible(version) ? 2 : 1
    }

    /// The version of the header in front of the response to a request of `version`. That of ApiVersions is always 0,
    /// for the client cannot know yet what the broker speaks (KIP-511).
    package func responseHeaderVersion(for version: Int16) -> Int16 {
        self != .apiVersions && isFlexible(version) ? 1 : 0
    }
}
