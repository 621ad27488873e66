import Controller
import Testing

@Suite struct JSONTests {
    private func parse(_ text: String) throws -> JSONValue { try JSONValue(parsing: Array(text.utf8)) }

    @Test func readsEveryKindOfValue() throws {
        let text =
            #" {"a":[1,-2,0.5,1e2,true,false,null],"b":{"c":"x\n\"\\\u00e9\ud83d\ude00é"},"n":99999999999999999999} "#
        let value = try parse(text)
        #expect(
            value.asObject?["a"]
                == .array([.integer(1), .integer(-2), .number(0.5), .number(100), .bool(true), .bool(false), .null]))
        #expect(value.asObject?["b"]?.asObject?["c"] == .string("x\n\"\\é😀é"))
        #expect(value.asObject?["n"] == .number(1e20))
        #expect(try JSONValue(parsing: value.text) == value)
    }

    @Test func objectsAreEqualInAnyOrder() throws {
        #expect(try parse(#"{"a":1,"b":2}"#) == parse(#"{"b":2,"a":1}"#))
        #expect(try parse(#"{"a":1}"#) != parse(#"{"a":1,"b":2}"#))
    }

    @Test(
        arguments: [
            "", " ", "{", "[1,", "[1 2]", "{\"a\"}", "{\"a\":}", "{a:1}", "{\"a\":1,}", "tru", "\"abc", "\"\\x\"",
            "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\u12\"", "+1", ".5", "1 2", "--1", "\"\u{1}\"", "1e999",
        ]) func refuses(_ text: String)
    {
        #expect(throws: MalformedJSON.self) { try parse(text) }
    }

    @Test func refusesEndlessNesting() {
        #expect(throws: MalformedJSON.self) { try parse(String(repeating: "[", count: 100_000)) }
    }

    @Test func refusesEveryPrefix() throws {
        let text = Array(#"{"a":["b",{"c":"\u0041"}]}"#.utf8)
        for count in 0..<text.count {
            #expect(throws: MalformedJSON.self) { try JSONValue(parsing: Array(text[..<count])) }
        }
    }
}
