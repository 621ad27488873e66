import ArgumentParser
import Platform
import Seams
import Simulation
import Testing

@testable import Tool

/// The tool's output against that of Apache's own, over the data directory that a broker of Apache Kafka 3.9 wrote.
@Suite struct DumpLogTests {
    static let tests = String(#filePath.dropLast("/ToolTests/DumpLogTests.swift".count))
    static let data = tests + "/SegmentedLogTests/Fixtures/log-dir/"
    static let expected = tests + "/ToolTests/Fixtures/log-dir-expected/"
    static let partitions = [
        "__consumer_offsets-0", "__consumer_offsets-1", "__consumer_offsets-2", "__transaction_state-0",
        "__transaction_state-1", "assigned-0", "compacted-0", "orders-0", "orders-1", "orders-2", "orders-3",
    ]

    func output(_ arguments: [String], _ disk: some FileSystem = PosixFileSystem()) throws -> String {
        var output = ""
        try DumpLog.parse(arguments).run(disk, to: &output)
        return output
    }

    private func expected(_ partition: String) throws -> String {
        let bytes = try #require(try PosixFileSystem().contents(of: Self.expected + partition + ".txt"))
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test(arguments: partitions) func aPartitionIsPrintedAsApachePrintsIt(_ partition: String) throws {
        #expect(try output(["--directory", Self.data + partition]) == expected(partition))
    }

    @Test(arguments: [
        ("orders-1", "--print-data-log"), ("__consumer_offsets-1", "--offsets-decoder"),
        ("__transaction_state-1", "--transaction-log-decoder"),
    ]) func filesArePrintedAsTheirFlagsSay(partition: String, flag: String) throws {
        let names = try PosixFileSystem().list(Self.data + partition).filter { $0.hasSuffix(".log") }
        let files = names.map { Self.data + partition + "/" + $0 }.joined(separator: ",")
        #expect(try output(["--files", files, flag]).replacing(Self.data, with: "") == expected(partition))
    }

    @Test func batchesAndRecordsWithoutTheirContents() throws {
        let file = Self.data + "assigned-0/00000000000000000000.log"
        let batches = try output(["--files", file]).split(separator: "\n")
        #expect(batches.count == 2 + 12 && batches[2...].allSatisfy { $0.hasPrefix("baseOffset: ") })
        let records = try output(["--files", file, "--deep-iteration"]).split(separator: "\n")
        #expect(records.count == 2 + 12 + 96 && !records.contains { $0.contains(" payload: ") })
    }

    @Test func indexesAndSnapshots() throws {
        let compacted = Self.data + "compacted-0/00000000000000000000"
        #expect(
            try output(["--files", compacted + ".index"])
                == "Dumping \(compacted).index\noffset: 599 position: 5437\noffset: 1199 position: 10304\n")
        #expect(try output(["--files", compacted + ".index", "--verify-index-only"]) == "Dumping \(compacted).index\n")
        #expect(
            try output(["--files", compacted + ".timeindex", "--index-sanity-check"])
                == "Dumping \(compacted).timeindex\n\(compacted).timeindex passed sanity check.\n")
        #expect(try output(["--files", compacted + ".timeindex"]).split(separator: "\n").count == 4)
        let aborted = try output(["--files", Self.data + "assigned-0/00000000000000000000.txnindex"])
        #expect(aborted.hasSuffix("version: 0 producerId: 1 firstOffset: 48 lastOffset: 63 lastStableOffset: 64\n"))
        let producers = try output(["--files", Self.data + "assigned-0/00000000000000000096.snapshot"])
        #expect(producers.contains("producerId: 2001 producerEpoch: 0 coordinatorEpoch: 0 currentTxnFirstOffset: None"))
    }

    @Test func whatIsWrongIsSaid() throws {
        let disk = SimulatedDisk()
        func copy(_ name: String, _ change: (inout [UInt8]) -> Void) throws {
            var bytes = try #require(try PosixFileSystem().contents(of: Self.data + "compacted-0/" + name))
            change(&bytes)
            try bytes.withUnsafeBytes { try disk.open("/" + name, .readWrite).write($0, at: 0) }
        }
        try copy("00000000000000000000.log") {
            $0[5437 + 30] ^= 1
            $0 += [1, 2, 3]
        }
        try copy("00000000000000000000.index") { $0[3] ^= 1 }
        try copy("00000000000000000000.timeindex") { $0[7] ^= 1 }
        let log = try output(["--files", "/00000000000000000000.log"], disk)
        #expect(
            log.contains("isvalid: false") && log.hasSuffix("invalid bytes at the end of 00000000000000000000.log\n"))
        #expect(
            try output(["--files", "/00000000000000000000.index"], disk)
                .contains("Mismatches in :/00000000000000000000.index\n  Index offset: 598, log offset: 599\n"))
        #expect(
            try output(["--files", "/00000000000000000000.timeindex"], disk)
                .contains("Found timestamp mismatch in :/00000000000000000000.timeindex\n"))
        #expect(throws: (any Error).self) { try output(["--files", "/00000000000000000009.log"], disk) }
        #expect(throws: (any Error).self) { try output(["--files", "/notes.txt"], disk) }
    }

    @Test(arguments: [
        ["--files", "a", "--directory", "b"], ["--files", "a", "--offsets-decoder", "--transaction-log-decoder"],
    ])
    func contradictingFlagsAreRefused(_ arguments: [String]) {
        #expect(throws: (any Error).self) { try DumpLog.parse(arguments) }
    }

    @Test func nothingToPrintIsRefusedAndAnUnknownOptionFirst() {
        #expect(throws: ValidationError.self) { try output([]) }
        let error = #expect(throws: (any Error).self) { try output(["--nonsense"]) }
        #expect(error.map { DumpLog.message(for: $0).contains("--nonsense") } == true)
    }
}
