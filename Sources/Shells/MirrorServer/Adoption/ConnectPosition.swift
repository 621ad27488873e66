import ClusterModel
import FoundationEssentials
import Mirroring
import NIOCore

/// How far MirrorMaker 2 has copied a partition, as Kafka Connect keeps it: the key is
/// `["MirrorSourceConnector",{"cluster":"us-east","partition":0,"topic":"orders"}]`, under whatever name the connector has,
/// and the value `{"offset":1249}`, the source's offset of the last record copied.
struct ConnectPosition: Sendable, Equatable {
    /// Of the source.
    var alias: String
    /// By its name at the source.
    var partition: TopicPartition
    /// nil when it was taken back.
    var offset: Offset?

    /// nil for what other connectors keep in the same topic.
    init?(key: ByteBuffer, value: ByteBuffer?) {
        do {
            let decoder = JSONDecoder()
            let place = try decoder.decode(Key.self, from: Data(key.readableBytesView)).place
            alias = place.cluster
            partition = TopicPartition(topic: place.topic, partition: place.partition)
            offset = try value.map { try decoder.decode(Value.self, from: Data($0.readableBytesView)).offset }
        } catch {
            // Each connector has a form of its own.
            return nil
        }
    }

    private struct Key: Decodable {
        struct Place: Decodable {
            var cluster: String
            var topic: String
            var partition: Int32
        }

        var place: Place

        init(from decoder: any Decoder) throws {
            var parts = try decoder.unkeyedContainer()
            _ = try parts.decode(String.self)
            place = try parts.decode(Place.self)
        }
    }

    private struct Value: Decodable { var offset: Offset }
}
