import WireCoding

/// A znode's facts, as clients see them; 68 bytes on the wire.
package struct Stat: Sendable, Hashable {
    /// The transaction that created the node.
    package var czxid: Int64 = 0
    /// The transaction that changed its data last.
    package var mzxid: Int64 = 0
    /// Milliseconds since 1970, of `czxid` and `mzxid`.
    package var ctime: Int64 = 0
    package var mtime: Int64 = 0
    /// Changes of the data, of the children and of the ACL.
    package var version: Int32 = 0
    package var cversion: Int32 = 0
    package var aversion: Int32 = 0
    /// The session that owns an ephemeral node; 0 otherwise.
    package var ephemeralOwner: Int64 = 0
    package var dataLength: Int32 = 0
    package var numChildren: Int32 = 0
    /// The transaction that added or removed a child last.
    package var pzxid: Int64 = 0

    package init() {}

    package init(reading reader: inout WireReader) throws(MalformedInput) {
        czxid = try reader.int64()
        mzxid = try reader.int64()
        ctime = try reader.int64()
        mtime = try reader.int64()
        version = try reader.int32()
        cversion = try reader.int32()
        aversion = try reader.int32()
        ephemeralOwner = try reader.int64()
        dataLength = try reader.int32()
        numChildren = try reader.int32()
        pzxid = try reader.int64()
    }

    package func write(to writer: inout WireWriter) {
        writer.int64(czxid)
        writer.int64(mzxid)
        writer.int64(ctime)
        writer.int64(mtime)
        writer.int32(version)
        writer.int32(cversion)
        writer.int32(aversion)
        writer.int64(ephemeralOwner)
        writer.int32(dataLength)
        writer.int32(numChildren)
        writer.int64(pzxid)
    }
}
