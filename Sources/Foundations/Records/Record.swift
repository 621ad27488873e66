import ClusterModel
import NIOCore

/// One decoded record. Keys, values and header values share the storage they were decoded from; nil is the
/// protocol's null, which is not the same as empty.
package struct Record: Sendable, Equatable {
    package var offset: Offset
    /// In milliseconds since 1970; -1 for none (always so in magic 0).
    package var timestamp: Int64
    package var key: ByteBuffer?
    package var value: ByteBuffer?
    package var headers: [RecordHeader]

    package init(
        offset: Offset = 0, timestamp: Int64, key: ByteBuffer?, value: ByteBuffer?, headers: [RecordHeader] = []
    ) {
        self.offset = offset
        self.timestamp = timestamp
        self.key = key
        self.value = value
        self.headers = headers
    }
}

/// A named value beside a record. Names may repeat, and their order is kept.
package struct RecordHeader: Sendable, Equatable {
    package var name: String
    package var value: ByteBuffer?

    package init(name: String, value: ByteBuffer?) {
        self.name = name
        self.value = value
    }
}
