import Testing

@testable import Settings

@Suite struct ReadingPropertiesFileTests {
    @Test func aFileIsRead() throws {
        let file = try PropertiesFile(reading: #filePath)
        #expect(file.path == #filePath)
        #expect(file.entries.first == PropertiesFile.Entry(key: "import", value: "Testing", line: 1))
    }

    @Test func anAbsentOneIsNamed() {
        #expect(throws: UnreadableSettings(path: "/absent/zoo.cfg", reason: "No such file or directory")) {
            try PropertiesFile(reading: "/absent/zoo.cfg")
        }
        #expect(throws: UnreadableSettings.self) { try PropertiesFile(reading: "/") }
    }
}
