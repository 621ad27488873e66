import NIOCore
import WireCoding

/// One record of `heartbeats`: a flow was alive at that time, in MirrorMaker 2's format.
package struct Heartbeat: Sendable, Equatable {
    package var source: String
    package var target: String
    package var unixMilliseconds: Int64

    package init(source: String, target: String, unixMilliseconds: Int64) {
        self.source = source
        self.target = target
        self.unixMilliseconds = unixMilliseconds
    }

    package init(key: ByteBuffer, value: ByteBuffer) throws(MalformedInput) {
        (source, target) = try WireReader.read(key) { reader throws(MalformedInput) in
            let aliases = (try reader.text(Int(try reader.int16())), try reader.text(Int(try reader.int16())))
            try reader.finish()
            return aliases
        }
        unixMilliseconds = try WireReader.read(value) { reader throws(MalformedInput) in
            guard try reader.int16() == 0 else { throw MalformedInput(.unsupportedVersion, at: 0) }
            let time = try reader.int64()
            try reader.finish()
            return time
        }
    }

    package var key: ByteBuffer {
        var writer = WireWriter()
        writer.shortText(source)
        writer.shortText(target)
        return writer.buffer()
    }

    package var value: ByteBuffer {
        var writer = WireWriter()
        writer.int16(0)
        writer.int64(unixMilliseconds)
        return writer.buffer()
    }
}
