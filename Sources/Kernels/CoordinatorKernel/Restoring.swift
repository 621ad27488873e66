import NIOCore
import Seams
import WireCoding
import ZNodes

/// How the tree comes back at a start.
package struct RestoredTree: Restorable {
    private let settings: ZNodesSettings
    private var loader = TreeLoader()
    private(set) var tree: ZNodes

    /// All that has come back.
    package var state: TreeState { tree.hard }

    package init(_ settings: ZNodesSettings) {
        self.settings = settings
        tree = ZNodes(settings)
    }

    package mutating func load(_ chunk: ByteBuffer) throws(MalformedInput) { try loader.load(chunk) }

    package mutating func finishLoading() throws(MalformedInput) {
        tree = ZNodes(settings, restored: try loader.finish())
        loader = TreeLoader()
    }

    package mutating func replay(_ entry: LogEntry) throws(MalformedInput) {
        let record = try WireReader.read(entry.record) { reader throws(MalformedInput) in
            let record = try TreeRecord(reading: &reader)
            try reader.finish()
            return record
        }
        guard record.zxid == entry.zxid else { throw MalformedInput(.custom("a record of another zxid"), at: 0) }
        // Nobody watches yet.
        var unheard: [ZNodesEffect] = []
        tree.apply(record, into: &unheard)
    }
}
