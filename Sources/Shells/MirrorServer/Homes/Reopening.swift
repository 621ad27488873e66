/// What has become of the source of a planned move that was given up.
struct Reopening: Sendable, CustomStringConvertible {
    /// Its alias.
    var source: String
    /// Topics that may be written there.
    var open: [String] = []
    /// Topics that may not, because somebody has begun to promote them.
    var begun: [String] = []
    /// Topics that may not for another reason, with that.
    var unopened: [String: String] = [:]
    /// Why it is not known of all topics what they are.
    var fault: String?

    init(source: String) { self.source = source }

    /// The end of a sentence that says why the move was given up.
    var description: String {
        var parts: [String] = []
        if let fault {
            parts.append("whether \(source) is open for writing again is not known (\(fault)): run this again")
        }
        if !begun.isEmpty {
            parts.append(
                "\(source) stays closed for \(Self.words(begun)), for the promotion has begun: run this again to go on")
        }
        for (name, reason) in unopened.sorted(by: { $0.key < $1.key }) {
            parts.append("\(source) stays closed for \(name): \(reason)")
        }
        if parts.isEmpty { return "\(source) is open for writing again" }
        if fault == nil, !open.isEmpty { parts.append("it is open for writing again for \(Self.words(open))") }
        return parts.joined(separator: "; ")
    }

    private static func words(_ names: [String]) -> String {
        let first = names.prefix(3).joined(separator: ", ")
        return names.count > 3 ? "\(first) and \(names.count - 3) more" : first
    }
}
