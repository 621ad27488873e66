import Controller
import Glibc
import Testing

/// One step of the coordination tree of three brokers of Apache Kafka 3.9, as recorded.
struct TreeFixture {
    struct Node {
        var path: String
        /// nil: created without data.
        var text: String?
        var isEphemeral: Bool
        var version: Int32
    }

    var nodes: [Node] = []

    static let names = [
        "tree-00-three-brokers-up", "tree-01-topics-created",
        "tree-02-partitions-added-topic-deleted-configs-altered", "tree-03-acls-and-scram-users",
        "tree-04-after-traffic-transactions-and-a-group", "tree-05-broker-2-killed", "tree-06-broker-2-back",
    ]

    init(_ name: String) throws {
        let folder = #filePath.split(separator: "/").dropLast().joined(separator: "/")
        let file = try #require(fopen("/\(folder)/Fixtures/\(name).jsonl", "r"))
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        for line in bytes[..<count].split(separator: UInt8(ascii: "\n")) {
            let object = try #require(try JSONValue(parsing: Array(line)).asObject)
            nodes.append(
                Node(
                    path: try #require(object["path"]?.asString), text: object["data"]?.asString,
                    isEphemeral: object["ephemeral"] == .bool(true),
                    version: Int32(try #require(object["version"]?.asInteger))))
        }
    }

    /// The image a broker would have of it.
    func image() throws -> ClusterImage {
        var image = ClusterImage()
        for node in nodes {
            guard let place = TreeNode(path: node.path) else { continue }
            let reading = NodeReading(data: Array((node.text ?? "").utf8), version: node.version, created: 7)
            try image.take(place, reading)
        }
        return image
    }
}
