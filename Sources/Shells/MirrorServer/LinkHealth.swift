import ClusterModel
import Logging
import Synchronization

/// Says once when something of a link begins to fail, and once when all goes on.
final class LinkHealth: Sendable {
    private let logger: Logger
    private let link: String
    /// By what fails: partitions, or a part's name; with the reason last told.
    private let failing = Mutex<[String: String]>([:])
    /// By what is left out: why; each kind of things for itself.
    private let leftOut = Mutex<[String: [String: String]]>([:])

    init(link: String, logger: Logger) {
        self.link = link
        self.logger = logger
    }

    var isFailing: Bool { failing.withLock { !$0.isEmpty } }

    func failed(_ partition: TopicPartition, _ reason: String) { failed("\(partition)", reason) }

    /// What fails for the same reason as something else adds no line.
    func failed(_ part: String, _ reason: String) {
        let isNew = failing.withLock { failing in
            guard failing[part] == nil else { return false }
            defer { failing[part] = reason }
            return !failing.values.contains(reason)
        }
        if isNew { logger.warning("\(link): \(part): \(reason); trying again") }
    }

    /// What fails and is tried again, with the reasons.
    var faults: [String: String] { failing.withLock { $0 } }

    /// What is left out until somebody changes something, with the reasons.
    var allLeftOut: [String: String] { leftOut.withLock { $0.values.reduce(into: [:]) { $0.merge($1) { $1 } } } }

    /// Says which patterns of a link match nothing at its source.
    func tell(unmatched patterns: [String], source: String) {
        let cause = "no topic of \(source) matches it: create one, or change the pattern (topics)"
        leavesOut(Dictionary(uniqueKeysWithValues: Set(patterns).map { ("pattern \($0)", cause) }), of: "patterns")
    }

    /// What of one kind is left out until somebody changes something, all of it; what is new is told once, and nothing is
    /// tried more often because of it.
    func leavesOut(_ parts: [String: String], of kind: String) {
        let news = leftOut.withLock { leftOut in
            let news = parts.filter { leftOut[kind]?[$0.key] != $0.value }
            leftOut[kind] = parts
            return news
        }
        for (part, reason) in news.sorted(by: { $0.key < $1.key }) {
            logger.warning("\(link): \(part) is left out: \(reason)")
        }
    }

    func isFailing(_ part: String) -> Bool { failing.withLock { $0[part] != nil } }

    func recovered(_ part: String) { recovered([part]) }

    /// Also of those that are not the link's any more.
    func recovered(all partitions: some Sequence<TopicPartition>) { recovered(partitions.map { "\($0)" }) }

    private func recovered(_ parts: [String]) {
        let isOver = failing.withLock { failing in
            guard !failing.isEmpty else { return false }
            for part in parts { failing[part] = nil }
            return failing.isEmpty
        }
        if isOver { logger.info("\(link): goes on") }
    }
}
