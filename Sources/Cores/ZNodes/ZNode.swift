import ZooKeeperProtocol

/// What is known of one node of the tree: all but its path, its data and its children.
struct ZNode: Sendable, Equatable {
    /// Bytes of data; nil for null, which is not the same as none.
    var dataLength: Int?
    var acl: [ACL]
    var czxid: Int64
    var mzxid: Int64
    var pzxid: Int64
    var ctime: Int64
    var mtime: Int64
    var version: Int32 = 0
    var aversion: Int32 = 0
    /// Children ever created; what sequential names count by.
    var createdChildCount: Int32 = 0
    var childCount: Int32 = 0
    var lifetime: Lifetime

    /// What ends a node besides `delete`.
    enum Lifetime: Sendable, Equatable {
        case persistent
        /// The end of this session.
        case ephemeral(Int64)
        /// The end of its last child.
        case container
        /// So many milliseconds without change and children.
        case ttl(Int64)
    }

    init(dataLength: Int?, acl: [ACL], lifetime: Lifetime, zxid: Int64, time: Int64) {
        self.dataLength = dataLength
        self.acl = acl
        self.lifetime = lifetime
        czxid = zxid
        mzxid = zxid
        pzxid = zxid
        ctime = time
        mtime = time
    }

    /// As clients see it: owners of containers and nodes with a time to live read 0; `cversion` counts creations and
    /// deletions of children, of which the tree keeps the creations and the difference.
    var stat: Stat {
        var stat = Stat()
        stat.czxid = czxid
        stat.mzxid = mzxid
        stat.ctime = ctime
        stat.mtime = mtime
        stat.version = version
        stat.cversion = createdChildCount &* 2 &- childCount
        stat.aversion = aversion
        if case .ephemeral(let session) = lifetime { stat.ephemeralOwner = session }
        stat.dataLength = Int32(dataLength ?? 0)
        stat.numChildren = childCount
        stat.pzxid = pzxid
        return stat
    }
}

/// What changes do to a node, in a draft and in the tree alike.
extension ZNode {
    mutating func gainChild(zxid: Int64) {
        createdChildCount &+= 1
        childCount += 1
        pzxid = zxid
    }

    mutating func loseChild(zxid: Int64) {
        childCount -= 1
        pzxid = zxid
    }

    mutating func set(dataLength: Int?, zxid: Int64, time: Int64) {
        self.dataLength = dataLength
        version &+= 1
        mzxid = zxid
        mtime = time
    }

    mutating func set(acl: [ACL]) {
        self.acl = acl
        aversion &+= 1
    }
}

extension ZNode {
    init(_ row: NodeShelf.Row, acl: [ACL], lifetime: Lifetime) {
        self.init(
            dataLength: row.dataLength < 0 ? nil : Int(row.dataLength), acl: acl, lifetime: lifetime, zxid: row.czxid,
            time: row.ctime)
        mzxid = row.mzxid
        pzxid = row.pzxid
        mtime = row.mtime
        version = row.version
        aversion = row.aversion
        createdChildCount = row.createdChildCount
        childCount = row.childCount
    }
}

extension NodeShelf.Row {
    init(_ node: ZNode, acl: UInt32) {
        self.init()
        become(node, acl: acl)
    }

    /// Takes over all of a node but its data, as one that is new in its place.
    mutating func become(_ node: ZNode, acl: UInt32) {
        czxid = node.czxid
        ctime = node.ctime
        take(node, acl: acl)
    }

    /// Takes over what changes do to a node, all but its data.
    mutating func take(_ node: ZNode, acl: UInt32) {
        mzxid = node.mzxid
        pzxid = node.pzxid
        mtime = node.mtime
        version = node.version
        aversion = node.aversion
        createdChildCount = node.createdChildCount
        childCount = node.childCount
        self.acl = acl
    }
}
