import NIOCore
import WireCoding

/// Changes on their way to the transaction log, already as they stand in its batches: one buffer for many of them, so that
/// who decides and who writes do not hand each other every change's memory.
///
/// Invariant: their zxids ascend.
package struct LogRun: Sendable {
    /// A batch's payload: of each its zxid (8 bytes), its length (4) and itself.
    private(set) var payload = ByteBuffer()
    package private(set) var count = 0
    /// Of the first and the last; 0 when there is none.
    private(set) var firstZxid: Int64 = 0
    package private(set) var lastZxid: Int64 = 0

    package init() {}

    package init(_ entries: some Sequence<LogEntry>) {
        for entry in entries { append(entry) }
    }

    package var isEmpty: Bool { count == 0 }

    /// Of the payload.
    package var sizeInBytes: Int { payload.readableBytes }

    package mutating func append(_ entry: LogEntry) {
        precondition(isEmpty || entry.zxid > lastZxid, "zxid \(entry.zxid) behind \(lastZxid)")
        if isEmpty { firstZxid = entry.zxid }
        lastZxid = entry.zxid
        count += 1
        payload.writeInteger(entry.zxid)
        payload.writeInteger(UInt32(entry.record.readableBytes))
        payload.writeImmutableBuffer(entry.record)
    }

    package mutating func append(_ run: LogRun) {
        guard !isEmpty else { return self = run }
        guard !run.isEmpty else { return }
        precondition(run.firstZxid > lastZxid, "zxid \(run.firstZxid) behind \(lastZxid)")
        lastZxid = run.lastZxid
        count += run.count
        payload.writeImmutableBuffer(run.payload)
    }

    /// Drops the changes above `zxid`.
    package mutating func truncate(after zxid: Int64) {
        guard !isEmpty, lastZxid > zxid else { return }
        self = LogRun(entries.prefix { $0.zxid <= zxid })
    }

    /// Takes changes out of the front: of at most so many bytes, but at least one.
    package mutating func takePrefix(ofAtMost size: Int) -> LogRun {
        guard sizeInBytes > size else {
            defer { self = LogRun() }
            return self
        }
        var prefix = LogRun()
        var rest = LogRun()
        for entry in entries {
            let isOver = !prefix.isEmpty && prefix.sizeInBytes + LogBatch.entrySize(entry) > size
            if isOver || !rest.isEmpty { rest.append(entry) } else { prefix.append(entry) }
        }
        self = rest
        return prefix
    }

    private var entries: [LogEntry] {
        do throws(MalformedInput) {
            return try LogBatch.entries(of: payload)
        } catch {
            preconditionFailure("a run of \(count) changes up to \(lastZxid) that cannot be read: \(error)")
        }
    }
}
