import KafkaProtocolJSON
import Testing

@Suite struct WireLineTests {
    @Test func linesAreConvertedBothWays() {
        let hex = #"{"name":"HeartbeatResponse","version":0,"hex":"0006"}"#
        let body = #"{"name":"HeartbeatResponse","version":0,"body":{"errorCode":6}}"#
        #expect(WireLine.decoding(hex).text == body && !WireLine.decoding(hex).hasFailed)
        #expect(WireLine.encoding(body).text == hex && !WireLine.encoding(body).hasFailed)
    }

    @Test(arguments: [
        (#"{"name":"HeartbeatResponse","version":0,"hex":"00060"}"#, "an odd number of hexadecimal digits"),
        (#"{"name":"HeartbeatResponse","version":0,"hex":"0g"}"#, "no hexadecimal digit at character 2"),
        (#"{"name":"HeartbeatResponse","version":0,"hex":"000600"}"#, "bytes left over at byte 2"),
        (#"{"name":"HeartbeatResponse","version":9,"hex":"0006"}"#, "has no version 9: its versions are 0 to 4"),
        (#"{"name":"Heart","version":9,"hex":"0006"}"#, "no message is called 'Heart'; did you mean HeartbeatRequest?"),
        (#"{"name":"HeartbeatResponse","version":0}"#, "hex: missing"),
        (#"{"name":"HeartbeatResponse","version":70000,"hex":""}"#, "version: expected a version"),
        (#"{"name":1}"#, "name: expected a string"),
        ("x", "no JSON"),
    ])
    func aBadLineSaysWhy(line: String, reason: String) {
        let result = WireLine.decoding(line)
        #expect(result.hasFailed)
        #expect(result.text.contains(#""error":""#) && result.text.contains(reason), "\(result.text)")
    }

    @Test func messagesAreFoundByNameAndByKey() throws {
        #expect(try WireJSON.message(called: "Produce", .request) == WireJSON.message(named: "ProduceRequest"))
        #expect(try WireJSON.message(called: "0", .response) == WireJSON.message(named: "ProduceResponse"))
        #expect(try WireJSON.message(called: "ProduceRequest", nil) == WireJSON.message(named: "ProduceRequest"))
        #expect(try WireJSON.message(called: "OffsetCommitValue", nil) == WireJSON.message(named: "OffsetCommitValue"))
        for (name, direction) in [("Produce", nil), ("99", .request), ("ProduceRequest", .response), ("", .request)]
            as [(String, WireJSON.Direction?)]
        {
            #expect(throws: WireJSON.UnknownMessage.self, "\(name)") { try WireJSON.message(called: name, direction) }
        }
    }
}
