import ClusterModel

/// What a dump found wrong, for the end of its output; by file, in order.
struct DumpComplaints {
    private var files: [(title: String, lines: [String])] = []

    private mutating func note(_ title: String, _ line: String) {
        if let place = files.firstIndex(where: { $0.title == title }) {
            files[place].lines.append(line)
        } else {
            files.append((title, [line]))
        }
    }

    mutating func mismatch(in path: String, indexed: Offset, found: Offset) {
        note("Mismatches in :\(path)", "Index offset: \(indexed), log offset: \(found)")
    }

    mutating func timestampMismatch(in path: String, indexed: Int64, found: Int64) {
        note("Found timestamp mismatch in :\(path)", "Index timestamp: \(indexed), log timestamp: \(found)")
    }

    mutating func timestampOrder(in path: String, indexed: Int64, before: Int64) {
        note(
            "Found out of order timestamp in :\(path)",
            "Index timestamp: \(indexed), Previously indexed timestamp: \(before)")
    }

    /// Where records were compacted away this is as it should be.
    mutating func gap(in path: String, from offset: Offset, to next: Offset) {
        note("Non-consecutive offsets in \(path)", "\(offset) is followed by \(next)")
    }

    func write(to output: inout some TextOutputStream) {
        for file in files {
            print(file.title, to: &output)
            for line in file.lines { print("  " + line, to: &output) }
        }
    }
}
