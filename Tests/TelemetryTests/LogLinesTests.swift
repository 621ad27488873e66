import Logging
import Testing

@testable import Telemetry

@Suite struct LogLinesTests {
    private func line(_ message: Logger.Message, _ metadata: Logger.Metadata? = nil) -> String {
        LogLines.line(
            LogEvent(
                level: .warning, message: message, metadata: metadata, source: "", file: "", function: "", line: 0),
            component: "coordinator", metadata: ["a": "1"], unixMilliseconds: 1_795_248_000_007)
    }

    @Test func aLineSaysWhenHowBadWhoAndWhat() {
        #expect(
            line("disk slow", ["took": "2s", "a": "2"])
                == "2026-11-21T08:00:00.007Z WARNING coordinator: disk slow a=2 took=2s\n")
    }

    @Test func lineBreaksStayInTheLine() {
        #expect(line("one\ntwo\r\nthree").hasSuffix("coordinator: one\\ntwo\\nthree a=1\n"))
    }
}
