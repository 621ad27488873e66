import NIOCore
import WireCoding
import ZooKeeperProtocol

/// Frames as they go to clients, their lengths included.
enum ReplyFrame {
    static func reply(_ header: ZooKeeperReplyHeader, _ body: ZooKeeperReply) -> ByteBuffer {
        frame { writer in
            header.write(to: &writer)
            if header.error == .ok { body.write(to: &writer) }
        }
    }

    /// A failure that, unlike others, has a body: a token that is null.
    static func refusedToken(_ header: ZooKeeperReplyHeader) -> ByteBuffer {
        frame { writer in
            header.write(to: &writer)
            ZooKeeperReply.token(nil).write(to: &writer)
        }
    }

    /// A reply whose body is written already.
    static func reply(_ header: ZooKeeperReplyHeader, _ body: ByteBuffer) -> ByteBuffer {
        frame { writer in
            header.write(to: &writer)
            writer.raw(body)
        }
    }

    static func event(_ event: WatchedEvent, zxid: Int64) -> ByteBuffer {
        frame { writer in
            ZooKeeperReplyHeader(xid: SpecialXID.watchEvent, zxid: zxid).write(to: &writer)
            event.write(to: &writer)
        }
    }

    static func connected(_ response: ConnectResponse) -> ByteBuffer {
        frame { response.write(to: &$0) }
    }

    private static func frame(_ write: (inout WireWriter) -> Void) -> ByteBuffer {
        var writer = WireWriter(capacity: 128)
        writer.int32(0)
        write(&writer)
        writer.patch(int32: Int32(writer.count - 4), at: 0)
        return writer.buffer()
    }
}
