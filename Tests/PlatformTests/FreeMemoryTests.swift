import Foundation
import Glibc
import Testing

@testable import Platform

@Suite struct FreeMemoryTests {
    @Test func `memory that is kept is not faulted in again`() throws {
        #expect(FreeMemory.keep(upTo: 64 << 20))
        try Self.useAndFree()
        let before = try Self.faults()
        try Self.useAndFree()
        let faults = try Self.faults() - before
        #expect(faults < Self.pieces * Self.pieceInBytes / 4096 / 4, "\(faults) page faults")
    }

    private static let pieces = 16
    private static let pieceInBytes = 1 << 20

    /// As frames come: each is written to, and some are held at once.
    private static func useAndFree() throws {
        let all = try (0..<pieces).map { _ in
            let piece = try #require(malloc(pieceInBytes))
            memset(piece, 1, pieceInBytes)
            return piece
        }
        for piece in all { free(piece) }
    }

    /// Those of this thread that needed no disk: proc_pid_stat(5), field 10.
    private static func faults() throws -> Int {
        let text = try String(contentsOfFile: "/proc/thread-self/stat", encoding: .utf8)
        let fields = text[text.index(after: try #require(text.lastIndex(of: ")")))...].split(separator: " ")
        return try #require(Int(fields[7]))
    }
}
