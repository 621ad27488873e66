import Seams
import Simulation
import Testing

@Suite struct SimulatedDiskTests {
    private func write(_ text: String, to path: String, at position: Int = 0, on disk: SimulatedDisk) throws {
        try Array(text.utf8).withUnsafeBytes { try disk.open(path, .readWrite).write($0, at: position) }
    }

    private func text(_ path: String, on disk: SimulatedDisk) throws -> String {
        let file = try disk.open(path, .read)
        var bytes = [UInt8](repeating: 0, count: try file.size())
        let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    @Test(arguments: 0..<20) func whatWasSyncedStays(seed: UInt64) throws {
        let disk = SimulatedDisk(seed: seed)
        try disk.createDirectory("/a/b")
        try write("safe", to: "/a/b/f", on: disk)
        try disk.open("/a/b/f", .read).synchronize()
        for directory in ["/", "/a", "/a/b"] { try disk.synchronizeDirectory(directory) }
        try write("more", to: "/a/b/f", at: 4, on: disk)
        disk.crash()
        #expect(try text("/a/b/f", on: disk).hasPrefix("safe"))
    }

    @Test func whatWasNotSyncedMayGoOrStayOrTear() throws {
        var ends: Set<String> = []
        for seed in UInt64(0)..<100 {
            let disk = SimulatedDisk(seed: seed)
            try write("1234", to: "/f", on: disk)
            disk.crash()
            ends.insert(try disk.attributes("/f") == nil ? "absent" : try text("/f", on: disk))
        }
        #expect(ends.isSuperset(of: ["absent", "", "1234", "12"]))
    }

    @Test func aNameNeedsItsDirectorySynced() throws {
        var ends: Set<[String]> = []
        for seed in UInt64(0)..<50 {
            let disk = SimulatedDisk(seed: seed)
            try write("x", to: "/old", on: disk)
            try disk.open("/old", .read).synchronize()
            try disk.synchronizeDirectory("/")
            try disk.rename("/old", to: "/new")
            disk.crash()
            ends.insert(try disk.list("/"))
        }
        #expect(ends == [["old"], ["new"]])
    }

    @Test func afterAFailedSyncLaterOnesDoNotHelp() throws {
        let disk = SimulatedDisk()
        let file = try disk.open("/f", .createNew)
        try disk.synchronizeDirectory("/")
        try write("lost", to: "/f", on: disk)
        disk.inject(.init(.synchronize))
        #expect(throws: FileSystemError.self) { try file.synchronize() }
        try file.synchronize()
        #expect(try text("/f", on: disk) == "lost")
        disk.crash()
        #expect(try text("/f", on: disk) == "")
    }

    @Test func filesOfAnEarlierLifeAreOfNoUse() throws {
        let disk = SimulatedDisk()
        let file = try disk.open("/f", .createNew)
        disk.crash()
        #expect(throws: FileSystemError.self) { try file.size() }
    }

    @Test func aStoppedDiskFailsUntilTheCrash() throws {
        let disk = SimulatedDisk()
        disk.stop(afterChanges: 1)
        try write("a", to: "/f", on: disk)
        #expect(throws: FileSystemError.self) { try write("b", to: "/f", on: disk) }
        #expect(throws: FileSystemError.self) { try disk.list("/") }
        disk.crash()
        try write("c", to: "/g", on: disk)
    }

    @Test func theSameSeedGivesTheSameEnd() throws {
        func end() throws -> [String] {
            let disk = SimulatedDisk(seed: 11)
            for place in 0..<20 { try write(String(repeating: "x", count: 1000 + place), to: "/\(place)", on: disk) }
            disk.crash()
            return try disk.list("/").map { $0 + (try text("/" + $0, on: disk)) }
        }
        #expect(try end() == end())
    }
}
