/// One write to the coordination tree.
package enum TreeWrite: Sendable, Equatable {
    case create(path: String, data: [UInt8], Kind = .persistent)
    /// `version` -1: whatever is there.
    case set(path: String, data: [UInt8], version: Int32)
    /// `version` -1: whatever is there.
    case delete(path: String, version: Int32)
    /// Fails the transaction when the node's version is another, or there is no such node. `version` -1: whatever is there.
    case check(path: String, version: Int32)

    /// About what it takes in a message.
    package var sizeInBytes: Int {
        switch self {
        case .create(let path, let data, _), .set(let path, let data, _): path.utf8.count + data.count
        case .delete(let path, _), .check(let path, _): path.utf8.count
        }
    }

    package enum Kind: Sendable, Equatable {
        case persistent
        /// The server appends ten digits to the path.
        case persistentSequential
        /// Goes with the session of whom created it.
        case ephemeral
    }
}

/// Writes that happen together or not at all.
package struct TreeTransaction: Sendable, Equatable {
    package var writes: [TreeWrite]

    package init(_ writes: [TreeWrite]) { self.writes = writes }
}
