import ClusterModel

/// What `meta.properties` says: whose a data directory is (version 0 of Apache Kafka's ZooKeeper mode).
package struct MetaProperties: Sendable, Equatable {
    package static let fileName = "meta.properties"

    package var brokerID: BrokerID?
    package var clusterID: String?
    /// Tells data directories apart (KIP-858).
    package var directoryID: KafkaUUID?

    package init(brokerID: BrokerID?, clusterID: String?, directoryID: KafkaUUID?) {
        self.brokerID = brokerID
        self.clusterID = clusterID
        self.directoryID = directoryID
    }

    /// Reads the file's bytes. Keys that are not known are left out.
    /// - Throws: a sentence that says what is wrong.
    package init(reading bytes: [UInt8]) throws(LogDirectoryFailure) {
        var values: [Substring: Substring] = [:]
        for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline) {
            guard !line.hasPrefix("#"), let equals = line.firstIndex(of: "=") else { continue }
            values[line[..<equals]] = line[line.index(after: equals)...]
        }
        guard values["version"] == "0" else {
            throw .unusableMetaProperties("version \(values["version"] ?? "(none)") is not 0")
        }
        if let text = values["broker.id"] {
            guard let id = Int32(text) else { throw .unusableMetaProperties("broker.id=\(text) is no number") }
            brokerID = BrokerID(id)
        }
        clusterID = values["cluster.id"].map(String.init)
        if let text = values["directory.id"] {
            guard let id = KafkaUUID(String(text)) else {
                throw .unusableMetaProperties("directory.id=\(text) is no id")
            }
            directoryID = id
        }
    }

    /// The file's text.
    package var bytes: [UInt8] {
        var lines: [String] = []
        if let brokerID { lines.append("broker.id=\(brokerID)") }
        lines.append("version=0")
        if let directoryID { lines.append("directory.id=\(directoryID)") }
        if let clusterID { lines.append("cluster.id=\(clusterID)") }
        return Array(lines.map { $0 + "\n" }.joined().utf8)
    }
}

/// Why a data directory cannot be used. Nothing in it was changed, unless the disk itself failed.
package enum LogDirectoryFailure: Error, Sendable, Equatable, CustomStringConvertible {
    case log(LogFailure)
    case unusableMetaProperties(String)
    case ofAnotherCluster(directory: String, found: String, expected: String)
    case ofAnotherBroker(directory: String, found: BrokerID, expected: BrokerID)

    package var description: String {
        switch self {
        case .log(let failure): failure.description
        case .unusableMetaProperties(let reason): "meta.properties cannot be used: \(reason)"
        case .ofAnotherCluster(let directory, let found, let expected):
            "\(directory) belongs to cluster \(found), this broker to cluster \(expected) (InconsistentClusterId): "
                + "zookeeper.connect may be wrong"
        case .ofAnotherBroker(let directory, let found, let expected):
            "\(directory) belongs to broker \(found), this is broker \(expected) (InconsistentBrokerId)"
        }
    }
}
