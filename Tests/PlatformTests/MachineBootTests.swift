import Platform
import Seams
import Testing

@Suite struct MachineBootTests {
    @Test func theKernelNamesTheBootAndKeepsToIt() throws {
        let id = try MachineBoot.id()
        #expect(id.count >= 36)
        #expect(try MachineBoot.id() == id)
    }

    @Test func whereItDoesNotThereIsAnError() {
        #expect(throws: FileSystemError.self) { try MachineBoot.id(at: "/proc/sys/kernel/random/no_such_id") }
    }
}
