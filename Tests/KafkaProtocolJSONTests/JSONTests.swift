import KafkaProtocolJSON
import Testing

@Suite struct JSONTests {
    @Test(arguments: [
        ("null", JSONValue.null),
        (" [ 1 , -9223372036854775808,9223372036854775807 ] ", .array([.integer(1), .integer(.min), .integer(.max)])),
        (
            "[1.5,1e3,-0.25,9223372036854775808]",
            .array([.number(1.5), .number(1000), .number(-0.25), .number(0x1p63)])
        ),
        ("{\"b\":true,\"a\":{}}", .object([.init("b", .bool(true)), .init("a", .object([]))])),
        (#""\u0041\n\"\\\/\ud83d\ude00é""#, .string("A\n\"\\/😀é")),
    ])
    func textIsRead(text: String, value: JSONValue) throws {
        #expect(try JSONParser.parse(text) == value)
        #expect(try JSONParser.parse(value.text) == value)
    }

    @Test(arguments: [
        "", " ", "nul", "tru", "[1,]", "[1 2]", "{\"a\"}", "{\"a\":1,}", "{a:1}", "\"a", "\"\\x\"", "\"\\u12g4\"",
        "\"\\u+123\"",
        "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "01", "-", "1.", "1e", ".5", "+1", "1 2", "\"\n\"", "[",
        "{\"a\":",
        "-01",
    ])
    func otherTextIsRefused(text: String) {
        #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(text) }
    }

    @Test func deepNestingIsRefused() {
        let deep = String(repeating: "[", count: 100_000)
        let error = #expect(throws: JSONSyntaxError.self) { try JSONParser.parse(deep) }
        #expect(error?.reason == "nested too deep" && error?.position == 128)
    }

    @Test func controlCharactersAreEscaped() {
        #expect(JSONValue.string("\u{1}\u{1f}\t").text == #""\u0001\u001f\t""#)
    }

    @Test(arguments: [
        ("{\"errorCode\":6}", "throttleTimeMs: missing"),
        ("{\"throttleTimeMs\":1,\"errorCode\":40000}", "errorCode: 40000 is not within -32768 and 32767"),
        ("{\"throttleTimeMs\":1,\"errorCode\":\"6\"}", "errorCode: expected an integer, found a string"),
        ("{\"throttleTimeMs\":1,\"errorCode\":6,\"x\":1}", "x: no field of this version"),
        ("{\"throttleTimeMs\":1,\"errorCode\":6,\"errorCode\":6}", "errorCode: stands twice"),
        ("[]", "expected an object, found an array"),
    ])
    func bodiesThatDoNotFitAreRefused(text: String, reason: String) throws {
        let type = try #require(WireJSON.message(named: "HeartbeatResponse"))
        let error = #expect(throws: JSONMismatch.self) {
            try WireJSON.encode(type, version: 1, body: JSONParser.parse(text))
        }
        #expect(error?.description == reason)
    }

    @Test(arguments: [
        ("{\"topics\":[{\"name\":\"a\"},{\"name\":null}]}", "topics[1].name: null, which this version does not allow"),
        ("{\"topics\":[{}]}", "topics[0].name: missing"),
        ("{\"topics\":{}}", "topics: expected an array, found an object"),
    ])
    func aMismatchSaysWhere(text: String, reason: String) throws {
        let type = try #require(WireJSON.message(named: "MetadataRequest"))
        let error = #expect(throws: JSONMismatch.self) {
            try WireJSON.encode(type, version: 1, body: JSONParser.parse(text))
        }
        #expect(error?.description == reason)
    }

    @Test func aStringLongerThanKafkaHasIsRefused() throws {
        let type = try #require(WireJSON.message(named: "MetadataRequest"))
        let name = String(repeating: "x", count: 32768)
        #expect(throws: JSONMismatch.self) {
            try WireJSON.encode(type, version: 1, body: JSONParser.parse("{\"topics\":[{\"name\":\"\(name)\"}]}"))
        }
    }
}
