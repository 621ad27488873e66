import NIOCore
import WireCoding

/// A client's first message, without a header.
package struct ConnectRequest: Sendable {
    package var protocolVersion: Int32 = 0
    /// The newest change the client has seen: a server that is behind must not take it.
    package var lastZxidSeen: Int64 = 0
    /// Milliseconds, as wished for.
    package var timeout: Int32
    /// 0 for a new session.
    package var sessionID: Int64 = 0
    /// 16 bytes.
    package var password = ByteBuffer()
    /// nil from clients of 3.3 and older, which do not send it and do not want it in the reply.
    package var readOnly: Bool? = false

    package init(timeout: Int32) { self.timeout = timeout }

    package init(reading reader: inout WireReader) throws(MalformedInput) {
        protocolVersion = try reader.int32()
        lastZxidSeen = try reader.int64()
        timeout = try reader.int32()
        sessionID = try reader.int64()
        password = try reader.juteBuffer() ?? ByteBuffer()
        readOnly = reader.remaining > 0 ? try reader.bool() : nil
    }

    package func write(to writer: inout WireWriter) {
        writer.int32(protocolVersion)
        writer.int64(lastZxidSeen)
        writer.int32(timeout)
        writer.int64(sessionID)
        writer.juteBuffer(password)
        if let readOnly { writer.bool(readOnly) }
    }
}

/// The answer to a ``ConnectRequest``, without a header.
package struct ConnectResponse: Sendable {
    package var protocolVersion: Int32 = 0
    /// Milliseconds, as granted; 0 says that the session has expired.
    package var timeout: Int32
    package var sessionID: Int64
    package var password: ByteBuffer
    package var readOnly: Bool?

    package init(timeout: Int32, sessionID: Int64, password: ByteBuffer, readOnly: Bool?) {
        self.timeout = timeout
        self.sessionID = sessionID
        self.password = password
        self.readOnly = readOnly
    }

    package init(reading reader: inout WireReader) throws(MalformedInput) {
        protocolVersion = try reader.int32()
        timeout = try reader.int32()
        sessionID = try reader.int64()
        password = try reader.juteBuffer() ?? ByteBuffer()
        readOnly = reader.remaining > 0 ? try reader.bool() : nil
    }

    package func write(to writer: inout WireWriter) {
        writer.int32(protocolVersion)
        writer.int32(timeout)
        writer.int64(sessionID)
        writer.juteBuffer(password)
        if let readOnly { writer.bool(readOnly) }
    }
}

/// In front of every request but the first.
package struct ZooKeeperRequestHeader: Sendable, Equatable {
    package var xid: Int32
    /// An ``OpCode``, or what nobody knows.
    package var type: Int32

    package init(xid: Int32, type: Int32) {
        self.xid = xid
        self.type = type
    }

    package init(reading reader: inout WireReader) throws(MalformedInput) {
        xid = try reader.int32()
        type = try reader.int32()
    }

    package func write(to writer: inout WireWriter) {
        writer.int32(xid)
        writer.int32(type)
    }
}

/// In front of every reply but the first. Where `error` is not ok, nothing follows it.
package struct ZooKeeperReplyHeader: Sendable, Equatable {
    package var xid: Int32
    /// The last change that the server had applied when it replied.
    package var zxid: Int64
    package var error: ZooKeeperError

    package init(xid: Int32, zxid: Int64, error: ZooKeeperError = .ok) {
        self.xid = xid
        self.zxid = zxid
        self.error = error
    }

    package init(reading reader: inout WireReader) throws(MalformedInput) {
        xid = try reader.int32()
        zxid = try reader.int64()
        error = ZooKeeperError(rawValue: try reader.int32())
    }

    package func write(to writer: inout WireWriter) {
        writer.int32(xid)
        writer.int64(zxid)
        writer.int32(error.rawValue)
    }
}
