import ClusterModel
import NIOCore
import Records

/// What the whole batches are that one fetch of a partition brought.
package struct FetchedBatches: Sendable {
    /// The offset behind the last; where the fetch began when there is none behind that.
    package private(set) var end: Offset
    package private(set) var longestInBytes = 0

    /// - Parameter offset: where the fetch began.
    /// - Throws: when something in it is no batch.
    package init(in fetched: ByteBuffer, from offset: Offset) throws(InvalidRecords) {
        end = offset
        var batches = RecordBatches(fetched)
        while let header = try batches.nextHeader() {
            end = max(end, header.nextOffset)
            longestInBytes = max(longestInBytes, header.sizeInBytes)
        }
    }
}
