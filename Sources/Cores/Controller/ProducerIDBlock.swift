import ClusterModel

/// A block of producer ids that one broker may hand out (`/latest_producer_id_block` holds the newest).
///
/// Apache Kafka counts up from 0 in every cluster. Here each cluster counts within a range of its own, so that batches
/// which were copied byte for byte from another cluster never carry the id of a local producer: bits 40 to 62 are
/// drawn from the cluster's id. Two clusters share a range with a chance of one in eight million; a range lasts 34
/// years at a thousand new producers a second. Range 0 is left to clusters that Apache's brokers have counted for.
package struct ProducerIDBlock: Sendable, Equatable {
    /// Ids in a block.
    package static let size: Int64 = 1000
    private static let rangeBits: Int64 = 40
    private static let rangeSize: Int64 = 1 << rangeBits

    package var broker: BrokerID
    package var first: ProducerID
    /// Itself in the block.
    package var last: ProducerID

    package init(broker: BrokerID, first: ProducerID, last: ProducerID) {
        self.broker = broker
        self.first = first
        self.last = last
    }

    /// The first id of the range of the cluster.
    package static func rangeStart(ofCluster clusterID: String) -> ProducerID {
        // FNV-1a, folded: any fixed function that spreads short texts will do, but it can never change.
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in clusterID.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        let folded = Int64((hash ^ hash >> 23 ^ hash >> 46) & 0x7f_ffff)
        return max(folded, 1) << rangeBits
    }

    /// The block to take next when the tree holds `latest` (nil: none yet); nil when the cluster's range is used up.
    package static func next(
        after latest: ProducerIDBlock?, for broker: BrokerID, ofCluster clusterID: String
    ) -> ProducerIDBlock? {
        let start = rangeStart(ofCluster: clusterID)
        let range = start..<start + rangeSize
        guard let latest, range.contains(latest.last) else {
            return ProducerIDBlock(broker: broker, first: start, last: start + size - 1)
        }
        guard latest.last < range.upperBound - size else { return nil }
        return ProducerIDBlock(broker: broker, first: latest.last + 1, last: latest.last + size)
    }

    package init(parsing text: [UInt8]) throws(MalformedNode) {
        let fields = try NodeFields(TreePath.producerIDBlock, text, versions: 1...1)
        guard let first = Int64(try fields.string("block_start")), first >= 0 else {
            throw fields.malformed("block_start")
        }
        guard let last = Int64(try fields.string("block_end")), last >= first else {
            throw fields.malformed("block_end")
        }
        self.init(broker: BrokerID(try fields.integer32("broker")), first: first, last: last)
    }

    package var text: [UInt8] {
        JSONValue.object([
            "version": .integer(1), "broker": .integer(Int64(broker.value)), "block_start": .string(String(first)),
            "block_end": .string(String(last)),
        ]).text
    }
}
