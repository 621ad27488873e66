import WireCoding

/// What a watch tells a client (`WatcherEvent`); follows a reply header with the xid of watch events.
package struct WatchedEvent: Sendable, Hashable {
    package enum Kind: Int32, Sendable {
        case nodeCreated = 1
        case nodeDeleted = 2
        case nodeDataChanged = 3
        case nodeChildrenChanged = 4
    }

    /// The state that servers send with every event: the client is connected.
    private static let syncConnected: Int32 = 3

    package var kind: Kind
    package var path: String

    package init(_ kind: Kind, path: String) {
        self.kind = kind
        self.path = path
    }

    package init(reading reader: inout WireReader) throws(MalformedInput) {
        let start = reader.position
        guard let kind = Kind(rawValue: try reader.int32()) else {
            throw MalformedInput(.custom("no such kind of watch event"), at: start)
        }
        self.kind = kind
        _ = try reader.int32()
        path = try reader.juteString()
    }

    package func write(to writer: inout WireWriter) {
        writer.int32(kind.rawValue)
        writer.int32(Self.syncConnected)
        writer.juteString(path)
    }
}

/// How long a watch of `addWatch` lives and how far it sees.
package enum AddWatchMode: Int32, Sendable {
    case persistent = 0
    case persistentRecursive = 1
}

/// Which watches `removeWatches` and `checkWatches` mean.
package enum WatcherType: Int32, Sendable {
    case children = 1
    case data = 2
    case any = 3
    case persistent = 4
    case persistentRecursive = 5
}
