import NIOCore
import Seams
import WireCoding
import ZNodes

/// How the tree comes back at a start.
package struct RestoredTree: Restorable {
    private let settings: ZNodesSettings
    private var loader = TreeLoader()
    private(set) var tree: ZNodes
    /// What the snapshot held, where that is kept; all else may still be taken back by an ensemble.
    private(set) var snapshot: TreeState?
    private let keepsSnapshot: Bool

    /// All that has come back.
    package var state: TreeState { tree.hard }

    /// - Parameter keepsSnapshot: for a member of an ensemble.
    package init(_ settings: ZNodesSettings, keepsSnapshot: Bool = false) {
        self.settings = settings
        self.keepsSnapshot = keepsSnapshot
        tree = ZNodes(settings)
    }

    package mutating func load(_ chunk: ByteBuffer) throws(MalformedInput) { try loader.load(chunk) }

    package mutating func finishLoading() throws(MalformedInput) {
        tree = ZNodes(settings, restored: try loader.finish())
        loader = TreeLoader()
        if keepsSnapshot { snapshot = tree.hard }
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
