import ClusterModel

/// What groups need to know of a topic.
package struct CatalogedTopic: Sendable, Equatable {
    package var id: KafkaUUID
    package var partitionCount: Int32

    package init(id: KafkaUUID, partitionCount: Int32) {
        self.id = id
        self.partitionCount = partitionCount
    }
}

/// The topics that the cluster has, by name; only those with ids, for members are assigned partitions by them.
package struct TopicCatalog: Sendable {
    package private(set) var topics: [String: CatalogedTopic] = [:]
    /// Grows with every change: who has seen this version has seen these topics.
    package private(set) var version: Int64 = 0

    package init() {}

    package subscript(_ name: String) -> CatalogedTopic? {
        get { topics[name] }
        set {
            guard topics[name] != newValue else { return }
            topics[name] = newValue
            version += 1
        }
    }
}
