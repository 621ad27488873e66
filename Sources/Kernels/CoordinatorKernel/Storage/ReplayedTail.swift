/// The newest entries that a start replayed, as many as fit: what a leader brings its followers up to date with.
struct ReplayedTail {
    /// The zxid before the first entry that is kept.
    private(set) var begin: Int64
    private let limitInBytes: Int
    private var entries: [LogEntry] = []
    /// The first entry that is kept; those before have been let go.
    private var first = 0
    private var sizeInBytes = 0

    init(after begin: Int64, limitInBytes: Int) {
        self.begin = begin
        self.limitInBytes = limitInBytes
    }

    mutating func append(_ entry: LogEntry) {
        entries.append(entry)
        sizeInBytes += entry.record.readableBytes
        while sizeInBytes > limitInBytes {
            begin = entries[first].zxid
            sizeInBytes -= entries[first].record.readableBytes
            entries[first].record.clear()
            first += 1
        }
        if first > 1024 && first * 2 > entries.count {
            entries.removeFirst(first)
            first = 0
        }
    }

    var kept: [LogEntry] { Array(entries[first...]) }
}
