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
    private let end: Int64

    /// All that has come back.
    package var state: TreeState { tree.hard }

    /// - Parameters:
    ///   - keepsSnapshot: for a member of an ensemble.
    ///   - end: the zxid above which changes of the log are left out.
    package init(_ settings: ZNodesSettings, keepsSnapshot: Bool = false, upTo end: Int64 = .max) {
        self.settings = settings
        self.end = end
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
        guard entry.zxid <= end else { return }
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
