import Testing

@testable import CoordinatorServer

@Suite struct JSONValueTests {
    @Test func itIsLaidOutAsZooKeepers() {
        let value = JSONValue.object([
            .init("connections", .list([.object([.init("sid", .integer(-7)), .init("up", .bool(true))]), .null])),
            .init("none", .list([])), .init("empty", .object([])), .init("avg", .decimal(2.5)),
            .init("nested", .object([.init("a", .object([.init("b", .text("c"))]))])),
        ])
        #expect(
            value.prettyText == """
                {
                  "connections" : [ {
                    "sid" : -7,
                    "up" : true
                  }, null ],
                  "none" : [ ],
                  "empty" : { },
                  "avg" : 2.5,
                  "nested" : {
                    "a" : {
                      "b" : "c"
                    }
                  }
                }
                """)
    }

    @Test func textsAreEscaped() {
        #expect(JSONValue.text("\"\\\n\r\t\u{1}é\u{1F600}").prettyText == #""\"\\\n\r\t\u0001é😀""#)
    }

    @Test func whatIsNoNumberIsNull() {
        #expect(JSONValue.decimal(.nan).prettyText == "null" && JSONValue.decimal(-.infinity).prettyText == "null")
    }
}
