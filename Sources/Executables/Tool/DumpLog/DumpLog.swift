import ArgumentParser
import Platform
import Seams
import SegmentedLog

/// `martlet dump-log`: what the files of a partition's log hold, in the words of Apache Kafka's `kafka-dump-log`.
struct DumpLog: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dump-log",
        abstract: "Print what segments, indexes and producer snapshots hold, and check indexes against their segments.",
        discussion: """
            Takes .log, .index, .timeindex, .txnindex and .snapshot files of Martlet's and of Apache Kafka's brokers. \
            A broker that runs may be writing to them; nothing is changed.

            With --directory, all segments of a partition are printed with their records, those of the brokers' own \
            topics decoded.
            """)

    @Option(help: "The files to print, with commas between them.")
    var files: String?

    @Option(help: "A partition's directory, such as data/orders-0.")
    var directory: String?

    @Flag(help: "Print keys and values too.")
    var printDataLog = false

    @Flag(help: "Print each record, not only each batch.")
    var deepIteration = false

    @Flag(help: "Check an index as a broker does when it opens it, and print nothing of it.")
    var indexSanityCheck = false

    @Flag(help: "Check indexes against their segments, and print nothing of them.")
    var verifyIndexOnly = false

    @Flag(help: "Print records as those of __consumer_offsets.")
    var offsetsDecoder = false

    @Flag(help: "Print records as those of __transaction_state.")
    var transactionLogDecoder = false

    func validate() throws {
        if files != nil && directory != nil { throw ValidationError("Say either --files or --directory.") }
        if offsetsDecoder && transactionLogDecoder {
            throw ValidationError("Say either --offsets-decoder or --transaction-log-decoder.")
        }
    }

    func run() throws {
        var output = StandardOutput()
        try run(PosixFileSystem(), to: &output)
    }

    func run(_ disk: some FileSystem, to output: inout some TextOutputStream) throws {
        // Not in validate(), which would hide an unknown option behind this complaint.
        if files == nil && directory == nil { throw ValidationError("Say either --files or --directory.") }
        var complaints = DumpComplaints()
        if let directory {
            let name = Self.lastName(of: directory)
            for file in try disk.list(directory) where file.hasSuffix(LogFileName.log) {
                let dump = LogFileDump(detail: .contents(RecordForm(topicOf: name)))
                try dump.run(disk, directory + "/" + file, calledAs: name + "/" + file, &complaints, to: &output)
            }
        }
        for file in files?.split(separator: ",") ?? [] {
            try dump(String(file), disk, &complaints, to: &output)
        }
        complaints.write(to: &output)
    }

    private var detail: LogFileDump.Detail {
        if offsetsDecoder { return .contents(.groups) }
        if transactionLogDecoder { return .contents(.transactions) }
        if printDataLog { return .contents(.text) }
        return deepIteration ? .records : .batches
    }

    private func dump(
        _ path: String, _ disk: some FileSystem, _ complaints: inout DumpComplaints,
        to output: inout some TextOutputStream
    ) throws {
        let name = Self.lastName(of: path)
        let suffix = name.lastIndex(of: ".").map { String(name[$0...]) } ?? ""
        guard let base = LogFileName.offset(of: name, suffix) else {
            throw ValidationError("\(path) is not named as a log's file is, such as \(LogFileName.name(0, ".log")).")
        }
        if suffix == LogFileName.log {
            return try LogFileDump(detail: detail).run(disk, path, calledAs: path, &complaints, to: &output)
        }
        print("Dumping \(path)", to: &output)
        let index = IndexDump(path: path, baseOffset: base, disk: disk, check: check)
        switch suffix {
        case LogFileName.offsetIndex: try index.dumpOffsets(&complaints, to: &output)
        case LogFileName.timeIndex: try index.dumpTimes(&complaints, to: &output)
        case LogFileName.transactionIndex: try index.dumpTransactions(to: &output)
        case LogFileName.snapshot: try index.dumpProducers(to: &output)
        default: throw ValidationError("\(path) is no file of a kind that can be printed.")
        }
    }

    private var check: IndexDump.Check {
        indexSanityCheck ? .sanity : verifyIndexOnly ? .againstSegment : .printing
    }

    /// The last name in a path.
    private static func lastName(of path: String) -> String {
        path.split(separator: "/").last.map { String($0) } ?? path
    }
}

/// Standard output as a stream.
struct StandardOutput: TextOutputStream {
    mutating func write(_ text: String) { print(text, terminator: "") }
}
