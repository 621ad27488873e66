/// The text of the nodes that keep quotas: `count=3,bytes=-1=;byteHardLimit=-1;countHardLimit=-1`. -1 stands for none.
struct QuotaText: Equatable {
    var count: Int64 = -1
    var bytes: Int64 = -1
    var countHardLimit: Int64 = -1
    var byteHardLimit: Int64 = -1

    init() {}

    /// What makes no sense counts as none: nobody checks what clients write there.
    init(_ text: String) {
        for pair in text.split(whereSeparator: { $0 == "," || $0 == ";" }) {
            let parts = pair.split(separator: "=")
            guard parts.count == 2, let value = Int64(parts[1]), let limit = Self.limits[String(parts[0])] else {
                continue
            }
            self[keyPath: limit] = value
        }
    }

    var text: String {
        "count=\(count),bytes=\(bytes)=;byteHardLimit=\(byteHardLimit);countHardLimit=\(countHardLimit)"
    }

    private nonisolated(unsafe) static let limits: [String: WritableKeyPath<QuotaText, Int64>] = [
        "count": \.count, "bytes": \.bytes, "countHardLimit": \.countHardLimit, "byteHardLimit": \.byteHardLimit,
    ]

    /// The limits by the letters of `setquota`.
    nonisolated(unsafe) static let options: [(letter: String, limit: WritableKeyPath<QuotaText, Int64>)] = [
        ("n", \.count), ("b", \.bytes), ("N", \.countHardLimit), ("B", \.byteHardLimit),
    ]

    /// What is used already, where that is more than these limits, in zkCli's words.
    func warnings(use: QuotaText) -> [String] {
        let compared: [(name: String, limit: Int64, used: Int64)] = [
            ("count", count, use.count), ("bytes", bytes, use.bytes), ("count", countHardLimit, use.count),
            ("bytes", byteHardLimit, use.bytes),
        ]
        return compared.filter { $0.limit >= 0 && $0.limit < $0.used }.map {
            "[Warning]: the \($0.name) quota you create is less than the existing \($0.name):\($0.used)"
        }
    }
}

/// Where quotas are kept in the tree.
enum QuotaPath {
    static let root = "/zookeeper/quota"
    static let limitsName = "zookeeper_limits"
    static let statsName = "zookeeper_stats"

    static func folder(of path: String) -> String { path == "/" ? root : root + path }
    static func limits(of path: String) -> String { "\(folder(of: path))/\(limitsName)" }
    static func stats(of path: String) -> String { "\(folder(of: path))/\(statsName)" }
}
