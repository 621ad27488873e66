import NIOCore
import WireCoding

/// A message that its name can find and that converts between bytes and JSON.
package typealias NamedMessage = WireMessage & JSONStructure

/// Between the bytes of a message (without its header) and JSON.
package enum WireJSON {
    /// A version that the message does not have.
    package struct UnknownVersion: Error, CustomStringConvertible {
        package var name: String
        package var version: Int16
        package var valid: ClosedRange<Int16>

        package var description: String {
            "\(name) has no version \(version): its versions are \(valid.lowerBound) to \(valid.upperBound)"
        }
    }

    /// The message of that name, such as `ProduceRequest` or `OffsetCommitValue`; nil when there is none.
    package static func message(named name: String) -> (any NamedMessage.Type)? {
        messages[name]
    }

    /// What `bytes` hold, all of them.
    ///
    /// - Throws: `UnknownVersion`, `MalformedInput`.
    package static func decode(
        _ type: any NamedMessage.Type, version: Int16, from bytes: ByteBuffer
    ) throws -> JSONValue {
        try check(type, version)
        return try WireReader.read(bytes) { (reader) throws(MalformedInput) in
            let message = try type.init(reading: &reader, version: version)
            try reader.finish()
            return message.json(version: version)
        }
    }

    /// The bytes that `body` describes.
    ///
    /// - Throws: `UnknownVersion`, `JSONMismatch`.
    package static func encode(
        _ type: any NamedMessage.Type, version: Int16, body: JSONValue
    ) throws -> ByteBuffer {
        try check(type, version)
        let message = try type.init(json: body, version: version)
        var writer = WireWriter()
        message.write(to: &writer, version: version)
        return writer.buffer()
    }

    private static func check(_ type: any NamedMessage.Type, _ version: Int16) throws(UnknownVersion) {
        guard type.validVersions.contains(version) else {
            throw UnknownVersion(name: "\(type)", version: version, valid: type.validVersions)
        }
    }
}
