import GenerateProtocol
import Testing

@Suite struct SchemaReaderTests {
    @Test func aSchemaIsRead() throws {
        let message = try SchemaReader.read(
            """
            # Says a thing.
            request SayRequest key 7 versions 0-3 flexible 2+ offered 0-2
                text: string? 1+ = null
                parts: [Part] null 3+
                    size: int32 2+ = -1
                    shared: Shared
                trace: uuid 2+ tag 0
            struct Shared
                old: bool 0-1
            """, file: "Say.message")
        #expect(message.kind == .request && message.key == 7 && message.about == "Says a thing.")
        #expect(message.versions == VersionRange(0, 3) && message.flexible == VersionRange(2, 3))
        #expect(message.offered == VersionRange(0, 2))
        #expect(message.fields.map(\.name) == ["text", "parts", "trace"])
        #expect(message.fields[0].nullable == VersionRange(1, 3) && message.fields[0].defaultValue == "null")
        #expect(message.fields[1].isArray && message.fields[1].nullable == VersionRange(3, 3))
        #expect(message.fields[2].tag == 0 && message.fields[2].versions == VersionRange(2, 3))
        #expect(message.structures.map(\.name) == ["Part", "Shared"])
        #expect(message.structures[0].fields.map(\.versions) == [VersionRange(2, 3), VersionRange(0, 3)])
    }

    @Test(arguments: [
        ("", "x:1: no message"),
        ("# only words", "x:1: no message"),
        ("message A versions 0", "x:1: expected 'request', 'response', 'header' or 'data' and a name"),
        ("data A", "x:1: the message needs 'versions' with an end"),
        ("data A versions 0+", "x:1: the message needs 'versions' with an end"),
        ("data A versions 3-1", "x:1: '3-1' is no range of versions"),
        ("data A versions", "x:1: nothing follows 'versions'"),
        ("data A versions 0 since 1", "x:1: unknown word 'since'"),
        ("request A versions 0", "x:1: requests and responses have a key, others have none"),
        ("data A key 1 versions 0", "x:1: requests and responses have a key, others have none"),
        ("data A versions 0\n  a: int8", "x:2: indentation is four spaces a level"),
        ("data A versions 0\n        a: int8", "x:2: indented too far"),
        ("data A versions 0\n    a int8", "x:2: expected 'name: type'"),
        ("data A versions 0\n    a: int9", "x:2: unknown type 'int9'"),
        ("data A versions 0\n    a: int8 1+", "x:2: exists in no version of what encloses it"),
        ("data A versions 0\n    a: int8 big", "x:2: nothing follows 'big'"),
        ("data A versions 0\n    a: int8 size 3", "x:2: unknown word 'size'"),
        ("data A versions 0\n    a: int8 tag x", "x:2: 'x' is no tag"),
        ("data A versions 0\n    a: string = null", "x:2: null by default but not nullable"),
        ("data A versions 0\n    a: string? tag 0", "x:2: nullable and tagged, so null by default"),
        ("data A versions 0\n    a: int8\n    a: int8", "x:3: a second field a"),
        ("data A versions 0\n    a: B", "x:2: no structure B"),
        ("data A versions 0\n    a: [B]\n        b: int8\n    c: [B]\n        b: int8", "x:4: a second structure B"),
        ("data A versions 0\nstruct B\n    b: int8", "x:1: no field has the type B"),
        ("data A versions 0\nB\n    b: int8", "x:2: expected 'struct NAME'"),
    ])
    func aBadSchemaSaysWhereAndWhy(text: String, message: String) {
        let error = #expect(throws: SchemaError.self) { try SchemaReader.read(text, file: "x") }
        #expect(error?.description.hasPrefix(message) == true, "\(error?.description ?? "nothing thrown")")
    }
}
