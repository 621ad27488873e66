import NIOCore

/// The newest entries of a member's log. What lies before is in the state.
///
/// Invariant: entries ascend by zxid, all above ``begin``.
struct RecentLog: Sendable {
    /// The zxid before the first entry that is kept.
    private(set) var begin: Int64
    private var entries: [QuorumEntry] = []
    /// How many of `entries` have been dropped already.
    private var dropped = 0
    private(set) var sizeInBytes = 0

    init(begin: Int64, _ entries: [QuorumEntry] = []) {
        self.begin = begin
        for entry in entries { append(entry) }
    }

    var last: Int64 { entries.count > dropped ? entries[entries.count - 1].zxid : begin }

    mutating func append(_ entry: QuorumEntry) {
        precondition(entry.zxid > last, "zxid \(entry.zxid) behind \(last)")
        entries.append(entry)
        sizeInBytes += Self.size(of: entry)
    }

    /// Drops the entries above `zxid`.
    mutating func truncate(after zxid: Int64) {
        precondition(zxid >= begin, "truncating after \(zxid), before the begin \(begin)")
        while entries.count > dropped, let entry = entries.last, entry.zxid > zxid {
            sizeInBytes -= Self.size(of: entry)
            entries.removeLast()
        }
    }

    /// Drops the oldest entries while there are more bytes than that, but none above `zxid`.
    mutating func trim(toBytes limit: Int, upTo zxid: Int64) {
        while sizeInBytes > limit, dropped < entries.count, entries[dropped].zxid <= zxid {
            sizeInBytes -= Self.size(of: entries[dropped])
            begin = entries[dropped].zxid
            // Not cleared: that would keep, or allocate again, all the memory of the frame it came in.
            entries[dropped].record = ByteBuffer()
            dropped += 1
        }
        if dropped > 1024 && dropped * 2 > entries.count {
            entries.removeFirst(dropped)
            dropped = 0
        }
    }

    /// Whether an entry, or the begin, has exactly this zxid.
    func contains(_ zxid: Int64) -> Bool { zxid == begin || nearest(atMost: zxid) == zxid }

    /// The newest zxid not above `zxid`; nil when it lies before the begin.
    func nearest(atMost zxid: Int64) -> Int64? {
        let index = index(after: zxid)
        if index > dropped { return entries[index - 1].zxid }
        return begin <= zxid ? begin : nil
    }

    /// The entries above `zxid`, which is contained, oldest first, of at most so many bytes, but at least one.
    func entries(after zxid: Int64, limitInBytes: Int) -> ArraySlice<QuorumEntry> {
        let start = index(after: zxid)
        var end = start
        var size = 0
        while end < entries.count {
            size += Self.size(of: entries[end])
            if size > limitInBytes && end > start { break }
            end += 1
        }
        return entries[start..<end]
    }

    /// The first index whose entry lies above `zxid`.
    private func index(after zxid: Int64) -> Int {
        if zxid >= last { return entries.count }
        var (low, high) = (dropped, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].zxid > zxid { high = middle } else { low = middle + 1 }
        }
        return low
    }

    static func size(of entry: QuorumEntry) -> Int { entry.record.readableBytes + 64 }
}
