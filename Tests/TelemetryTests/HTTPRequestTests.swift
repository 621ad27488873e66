import Testing

@testable import Telemetry

@Suite struct HTTPRequestTests {
    @Test func aTargetIsTakenApart() {
        let request = HTTPRequest(method: "GET", target: "/commands/set%20x?traceMask=50&a=b+c%2Bd&empty&a=again")
        #expect(request.path == "/commands/set x")
        #expect(request.arguments == ["traceMask": "50", "a": "b c+d", "empty": ""])
    }

    @Test(arguments: ["/100%", "/%zz", "/%4", "/+"])
    func whatIsNoEscapeStays(target: String) {
        #expect(HTTPRequest(method: "GET", target: target).path == target)
    }

    @Test func bytesThatAreNoTextAreReplaced() {
        #expect(HTTPRequest(method: "GET", target: "/%ff").path == "/\u{fffd}")
    }
}
