import ClusterModel
import Records
import Seams

/// Finds what is known of producers at an offset: the newest sound snapshot before it and the batches since.
enum ProducerReplay {
    /// - Parameter snapshots: the offsets of those on disk; unsound ones are removed.
    static func states(
        of segments: [LogSegment], upTo end: Offset, snapshots: inout [Offset], in directory: String,
        on disk: any FileSystem
    ) throws(LogFailure) -> ProducerStates {
        let newest = try newestSnapshot(notAfter: end, &snapshots, in: directory, on: disk)
        var states = newest?.states ?? ProducerStates()
        let start = newest?.offset ?? 0
        var changes = ProducerChanges()
        for (place, segment) in segments.enumerated() {
            if place + 1 < segments.count, segments[place + 1].baseOffset <= start { continue }
            guard let first = try segment.find(start, from: nil) else { continue }
            try segment.scan(from: first.position) { header, position throws(LogFailure) in
                guard header.baseOffset < end else { return false }
                guard header.hasProducerID, header.baseOffset >= start else { return true }
                var marker: TransactionMarker?
                if header.attributes.isControl {
                    let batch = try segment.batch(header, at: position)
                    do throws(InvalidRecords) {
                        marker = try TransactionMarker(batch)
                    } catch {
                        throw .corrupt(path: segment.path, position: position, reason: error.description)
                    }
                }
                changes.replay(header, marker: marker, to: &states) { _, _ in }
                return true
            }
        }
        return states
    }

    private static func newestSnapshot(
        notAfter end: Offset, _ snapshots: inout [Offset], in directory: String, on disk: any FileSystem
    ) throws(LogFailure) -> (offset: Offset, states: ProducerStates)? {
        for offset in snapshots.reversed() where offset <= end {
            let path = directory + "/" + LogFileName.name(offset, LogFileName.snapshot)
            let bytes = try onDisk { () throws(FileSystemError) in try disk.contents(of: path) }
            if let bytes, let entries = ProducerSnapshot.read(bytes) { return (offset, ProducerStates(entries)) }
            try onDisk { () throws(FileSystemError) in try disk.remove(path) }
            snapshots.removeAll { $0 == offset }
        }
        return nil
    }
}

extension ProducerChanges {
    /// Takes up a batch that stands in the log, whatever it says.
    /// - Parameter marker: of a control batch, unless it is of another kind.
    mutating func replay(
        _ header: RecordBatchHeader, marker: TransactionMarker?, to states: inout ProducerStates,
        aborted: (CompletedTransaction, Offset) -> Void
    ) {
        removeAll()
        if let marker {
            addMarker(header, marker, in: states)
        } else if !header.attributes.isControl {
            add(header, in: states)
        }
        apply(to: &states, aborted: aborted)
    }
}
