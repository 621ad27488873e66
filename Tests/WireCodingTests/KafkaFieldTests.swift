import ClusterModel
import NIOCore
import Testing
import WireCoding

@Suite struct KafkaFieldTests {
    private func bytes(_ write: (inout WireWriter) -> Void) -> [UInt8] {
        var writer = WireWriter()
        write(&writer)
        return Array(writer.buffer().readableBytesView)
    }

    private func read<Value>(
        _ bytes: [UInt8], _ body: (inout WireReader) throws(MalformedInput) -> Value
    ) throws(MalformedInput) -> Value {
        try WireReader.read(ByteBuffer(bytes: bytes), body)
    }

    @Test func stringsHaveTheirTwoForms() throws {
        #expect(bytes { $0.string("ab", compact: false) } == [0, 2, 97, 98])
        #expect(bytes { $0.string("ab", compact: true) } == [3, 97, 98])
        #expect(bytes { $0.nullableString(nil, compact: false) } == [255, 255])
        #expect(bytes { $0.nullableString(nil, compact: true) } == [0])
        #expect(try read([3, 97, 98]) { reader throws(MalformedInput) in try reader.string(compact: true) } == "ab")
        #expect(
            try read([255, 255]) { reader throws(MalformedInput) in try reader.nullableString(compact: false) } == nil)
    }

    @Test(arguments: [
        ([255, 255], false, MalformedInput.Reason.nullWhereNotAllowed),
        ([0], true, .nullWhereNotAllowed),
        ([255, 254], false, .negativeLength),
        ([0, 3, 97], false, .truncated),
        ([4, 97], true, .truncated),
        ([2, 0xff], true, .invalidUTF8),
        ([0xff, 0xff, 0xff, 0xff, 0x1f], true, .variableLengthIntegerTooLong),
        ([0xff, 0xff, 0xff, 0xff, 0x0f], true, .custom("string too long")),
        ([0x81, 0x80, 0x02], true, .custom("string too long")),
        ([], true, .truncated),
    ])
    func badStringsAreRefused(input: [UInt8], compact: Bool, reason: MalformedInput.Reason) {
        let error = #expect(throws: MalformedInput.self) {
            try self.read(input) { reader throws(MalformedInput) in try reader.string(compact: compact) }
        }
        #expect(error?.reason == reason)
    }

    @Test func arraysComeBack() throws {
        for compact in [false, true] {
            let written = bytes { writer in
                writer.int8Array([-128, 127], compact: compact)
                writer.int32Array([.min, 0, .max], compact: compact)
                writer.nullableInt32Array(nil, compact: compact)
                writer.int64Array([.min, .max], compact: compact)
                writer.stringArray(["", "b"], compact: compact)
                writer.uuidArray([KafkaUUID(high: 1, low: 2)], compact: compact)
                writer.nullableBytes(ByteBuffer(bytes: [7]), compact: compact)
            }
            try read(written) { reader throws(MalformedInput) in
                #expect(try reader.int8Array(compact: compact) == [-128, 127])
                #expect(try reader.int32Array(compact: compact) == [.min, 0, .max])
                #expect(try reader.nullableInt32Array(compact: compact) == nil)
                #expect(try reader.int64Array(compact: compact) == [.min, .max])
                #expect(try reader.stringArray(compact: compact) == ["", "b"])
                #expect(try reader.uuidArray(compact: compact) == [KafkaUUID(high: 1, low: 2)])
                #expect(try reader.nullableBytes(compact: compact) == ByteBuffer(bytes: [7]))
                try reader.finish()
            }
        }
    }

    @Test func aCountThatCannotFitIsRefusedBeforeAnythingIsReserved() {
        let billions: [UInt8] = [0x7f, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5, 6, 7, 8]
        let three: [UInt8] = [0, 0, 0, 3, 1, 2, 3, 4, 5, 6, 7, 8]
        for input in [billions, three] {
            let error = #expect(throws: MalformedInput.self) {
                try self.read(input) { reader throws(MalformedInput) in
                    try reader.arrayCount(compact: false, elementSize: 3)
                }
            }
            #expect(error?.reason == .tooManyElements)
        }
        #expect(throws: MalformedInput.self) {
            try self.read(three) { reader throws(MalformedInput) in try reader.int32Array(compact: false) }
        }
    }

    @Test func noMoreRoomIsReservedThanBytesAreLeft() throws {
        try read(Array(repeating: 0, count: 100)) { reader throws(MalformedInput) in
            #expect(reader.capacity(for: 100, stride: 40) == 2)
            #expect(reader.capacity(for: 1, stride: 40) == 1)
            #expect(reader.capacity(for: 100, stride: 1000) == 0)
            try reader.skip(100)
        }
    }

    // MARK: Tagged fields

    @Test func taggedFieldsComeBackAndUnknownOnesArePassedOver() throws {
        let long = String(repeating: "x", count: 300)
        let written = bytes { writer in
            var tags = writer.beginTaggedFields()
            writer.beginField(0, of: &tags)
            writer.string(long, compact: true)
            writer.endField(of: &tags)
            writer.beginField(5, of: &tags)
            writer.int32(7)
            writer.endField(of: &tags)
            writer.endTaggedFields(tags)
            writer.int8(9)
        }
        #expect(Array(written[0..<4]) == [2, 0, 0xae, 0x02])
        try read(written) { reader throws(MalformedInput) in
            var tags = try reader.taggedFields()
            #expect(try reader.nextTag(&tags) == 0)
            #expect(try reader.string(compact: true) == long)
            #expect(try reader.nextTag(&tags) == 5)
            try reader.skipField(tags)
            #expect(try reader.nextTag(&tags) == nil)
            #expect(try reader.int8() == 9)
        }
        try read(written) { reader throws(MalformedInput) in
            try reader.skipTaggedFields()
            #expect(try reader.int8() == 9)
        }
    }

    @Test(arguments: [
        ([2, 1, 0, 1, 0], MalformedInput.Reason.tagsOutOfOrder),
        ([2, 1, 0, 0, 0], .tagsOutOfOrder),
        ([1, 0, 2, 0], .truncated),
        ([1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f], .truncated),
        ([0xff, 0xff, 0xff, 0xff, 0x0f], .truncated),
    ])
    func badTaggedFieldsAreRefused(input: [UInt8], reason: MalformedInput.Reason) {
        let error = #expect(throws: MalformedInput.self) {
            try self.read(input) { reader throws(MalformedInput) in try reader.skipTaggedFields() }
        }
        #expect(error?.reason == reason)
    }

    @Test(arguments: [[1, 0, 1, 0, 0], [1, 0, 3, 0, 0, 0]])
    func aKnownFieldOfAnotherLengthIsRefused(input: [UInt8]) {
        #expect(throws: MalformedInput(.custom("tagged field of a wrong length"), at: 5)) {
            try self.read(input) { reader throws(MalformedInput) in
                var tags = try reader.taggedFields()
                _ = try reader.nextTag(&tags)
                _ = try reader.int16()
                _ = try reader.nextTag(&tags)
            }
        }
    }

    @Test func headersHaveTheirOwnVersions() {
        #expect(ApiKey.apiVersions.requestHeaderVersion(for: 3) == 2)
        #expect(ApiKey.apiVersions.responseHeaderVersion(for: 3) == 0)
        #expect(ApiKey.controlledShutdown.requestHeaderVersion(for: 0) == 0)
        #expect(ApiKey.controlledShutdown.requestHeaderVersion(for: 1) == 1)
        #expect(ApiKey.produce.requestHeaderVersion(for: 8) == 1)
        #expect(ApiKey.produce.requestHeaderVersion(for: 9) == 2)
        #expect(ApiKey.produce.responseHeaderVersion(for: 9) == 1)
        #expect(ApiKey.saslHandshake.responseHeaderVersion(for: 1) == 0)
    }
}
