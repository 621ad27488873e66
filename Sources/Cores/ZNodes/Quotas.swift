import NIOCore
import ZooKeeperProtocol

/// Where quotas are kept in the tree: the quota of `/a` below `/zookeeper/quota/a`, by Apache ZooKeeper's names.
enum QuotaPath {
    private static let root = "/zookeeper/quota"
    private static let limitsName = "zookeeper_limits"
    private static let statsName = "zookeeper_stats"

    /// The node whose text says what is allowed below `path`, itself included.
    static func limits(of path: String) -> String { "\(root)\(path)/\(limitsName)" }

    /// The node whose text says what there is.
    static func stats(of path: String) -> String { "\(root)\(path)/\(statsName)" }

    /// The path whose limits the node at `path` holds; nil for other nodes. The root can have no quota.
    static func limited(by path: String) -> String? { governed(by: path, named: limitsName) }

    /// The path whose use the node at `path` tells; nil for other nodes.
    static func measured(by path: String) -> String? { governed(by: path, named: statsName) }

    private static func governed(by path: String, named name: String) -> String? {
        guard path.utf8.count > root.utf8.count, path.utf8.starts(with: root.utf8), NodePath.name(of: path) == name,
            let parent = NodePath.parent(of: path), parent.utf8.count > root.utf8.count
        else { return nil }
        let rest = parent.utf8.dropFirst(root.utf8.count)
        return rest.first == UInt8(ascii: "/") ? String(Substring(rest)) : nil
    }
}

/// The paths that have quotas.
///
/// Follows from which nodes there are, so it is not in snapshots.
struct QuotaTable: Sendable, Equatable {
    private var paths: Set<ExactText> = []

    mutating func insert(_ path: String) { paths.insert(ExactText(path)) }

    mutating func remove(_ path: String) { paths.remove(ExactText(path)) }

    /// The path whose quota a change at `path` counts for: the nearest at or above it. Of quotas one above the other
    /// the lower alone counts, as Apache ZooKeeper has it.
    func governing(_ path: String) -> String? {
        guard !paths.isEmpty else { return nil }
        var above: String? = path
        while let path = above {
            if paths.contains(ExactText(path)) { return path }
            above = NodePath.parent(of: path)
        }
        return nil
    }
}

/// The text of a quota's node: named numbers, `count=1,bytes=5=;byteHardLimit=7`. -1 stands for none.
struct QuotaText: Equatable {
    /// In the order of their names, without `count` and `bytes`.
    private var others: [(name: String, value: Int64)] = []
    var nodeCount: Int64 = -1
    var bytes: Int64 = -1

    static func == (left: QuotaText, right: QuotaText) -> Bool { left.text == right.text }

    init(nodeCount: Int64, bytes: Int64) {
        self.nodeCount = nodeCount
        self.bytes = bytes
    }

    /// What makes no number is left out: nobody checks what clients write there.
    init(_ data: ByteBuffer?) {
        let text = data.map { String(decoding: $0.readableBytesView, as: UTF8.self) } ?? ""
        for pair in text.split(whereSeparator: { $0 == "," || $0 == ";" }) {
            let parts = pair.split(separator: "=")
            guard parts.count >= 2, let value = Int64(parts[1]) else { continue }
            switch parts[0] {
            case "count": nodeCount = value
            case "bytes": bytes = value
            default:
                others.removeAll { $0.name == parts[0] }
                others.append((String(parts[0]), value))
            }
        }
        others.sort { ExactText($0.name) < ExactText($1.name) }
    }

    private subscript(name: String) -> Int64 { others.first { $0.name == name }?.value ?? -1 }

    var nodeCountHardLimit: Int64 { self["countHardLimit"] }
    var bytesHardLimit: Int64 { self["byteHardLimit"] }

    /// Takes a change to the account. The node that keeps it does not change to clients: its version and its times stay.
    mutating func add(bytes more: Int, nodes count: Int) {
        nodeCount &+= Int64(count)
        bytes &+= Int64(more)
    }

    private var text: String {
        // The lone sign of equality is Apache ZooKeeper's: it keeps readers of older texts content.
        "count=\(nodeCount),bytes=\(bytes)" + (others.isEmpty ? "" : "=")
            + others.map { ";\($0.name)=\($0.value)" }.joined()
    }

    var data: ByteBuffer { ByteBuffer(string: text) }
}

/// A limit of a quota that was passed.
package struct QuotaExcess: Sendable, Equatable, CustomStringConvertible {
    package enum Measure: String, Sendable {
        case nodes
        case bytes
    }

    /// Where the quota stands.
    package let path: String
    package let measure: Measure
    package let isHard: Bool
    package let limit: Int64
    /// What there is now.
    package let used: Int64

    package var description: String {
        "\(path) has \(used) \(measure.rawValue), above its \(isHard ? "hard" : "soft") quota of \(limit)"
    }
}

extension ChangeDecision {
    /// Whether the quota above `path` has room for so many bytes and nodes more. What passes a limit that nobody
    /// enforces is noted in the draft.
    func checkQuota(
        _ path: String, bytes: Int, nodes count: Int, in draft: inout TreeDraft
    ) throws(ZooKeeperError) {
        guard let quota = draft.quota(governing: path) else { return }
        let (limits, stats) = (QuotaPath.limits(of: quota), QuotaPath.stats(of: quota))
        guard draft.node(limits) != nil, draft.node(stats) != nil else { return }
        let (allowed, use) = (QuotaText(draft.data(of: limits)), QuotaText(draft.data(of: stats)))
        let checks: [(QuotaExcess.Measure, used: Int64, more: Int, soft: Int64, hard: Int64)] = [
            (.nodes, use.nodeCount, count, allowed.nodeCount, allowed.nodeCountHardLimit),
            (.bytes, use.bytes, bytes, allowed.bytes, allowed.bytesHardLimit),
        ]
        for (measure, before, more, soft, hard) in checks where more != 0 {
            let isHard = hard > -1
            let limit = isHard ? hard : soft
            let used = before &+ Int64(more)
            guard limit > -1, used > limit else { continue }
            if isHard && settings.enforcesQuotas { throw .quotaExceeded }
            guard before <= limit else { continue }
            draft.excesses.append(
                QuotaExcess(path: quota, measure: measure, isHard: isHard, limit: limit, used: used))
        }
    }
}
