import ClusterModel
import NIOCore
import Records
import Seams

extension PartitionLog {
    /// Appends batches, giving them the next offsets. A client's are brought into the form in which the log keeps them.
    ///
    /// Offsets, leader epoch and, when the log stamps records, their time are written into the buffer's storage, also
    /// where other buffers share it: the batches of a request belong to the log from here on.
    /// - Parameters:
    ///   - batches: one or more whole batches and nothing else.
    ///   - leaderEpoch: the epoch in which this broker leads.
    ///   - inspector: looks at the records of clients.
    package func append(
        _ batches: ByteBuffer, leaderEpoch: LeaderEpoch, origin: AppendOrigin, inspector: RecordInspector,
        at now: Instant
    ) throws(LogFailure) -> AppendOutcome {
        let stored: ByteBuffer
        do throws(AppendRefusal) {
            stored = origin == .client ? try StoredForm.of(batches, compression: settings.compression) : batches
        } catch {
            return .refused(error)
        }
        return try rewriting(stored) { bytes throws(LogFailure) in
            var renumbered: ByteBuffer?
            do throws(AppendRefusal) {
                let areOffsetsConsecutive = try BatchValidation.check(
                    UnsafeRawBufferPointer(bytes), origin: origin, settings: settings, inspector: inspector,
                    now: now.unixMilliseconds, into: &headers)
                if !areOffsetsConsecutive { renumbered = try StoredForm.renumbered(stored) }
            } catch {
                return .refused(error)
            }
            if let renumbered {
                return try append(
                    renumbered, leaderEpoch: leaderEpoch, origin: origin, inspector: inspector, at: now)
            }
            if origin == .client, let repeated = repeatedBatch() { return .duplicate(repeated) }
            assignOffsets(in: bytes, leaderEpoch: leaderEpoch, at: now)
            return try write(bytes, checked: origin, at: now)
        }
    }

    /// Appends batches that have their offsets: from a partition's leader, or from the cluster that is mirrored.
    ///
    /// A log without records takes a first batch that begins before its end and goes beyond: records are deleted up to
    /// any offset, and replicated by the batch.
    /// - Parameters:
    ///   - newestEpoch: that of the leader that sent them. It reads its file as it sends: when it was deposed meanwhile,
    ///     there may be records of its successor, behind which nobody would find where this log parts from that one's.
    ///   - leaderEpoch: when given, written into the batches in the place of theirs. Those of magic 0 and 1, which logs of
    ///     old brokers hold, have no place for it and are taken only without.
    package func appendKeepingOffsets(
        _ batches: ByteBuffer, newestEpoch: LeaderEpoch = .max, leaderEpoch: LeaderEpoch? = nil, at now: Instant
    ) throws(LogFailure) -> AppendOutcome {
        try rewriting(batches) { bytes throws(LogFailure) in
            do throws(AppendRefusal) {
                try BatchValidation.checkReplicated(
                    UnsafeRawBufferPointer(bytes), startingAt: logEndOffset, isFirst: logStartOffset == logEndOffset,
                    newestEpoch: newestEpoch, allowsOldFormats: leaderEpoch == nil, into: &headers)
            } catch {
                return .refused(error)
            }
            if let leaderEpoch {
                eachBatch(of: bytes) { header, batch in
                    BatchRewriting.setLeaderEpoch(leaderEpoch, of: batch)
                    header.leaderEpoch = leaderEpoch
                }
            }
            guard let first = headers.first, first.baseOffset < logEndOffset else {
                return try write(bytes, checked: nil, at: now)
            }
            let start = logStartOffset
            try truncateFully(startingAt: first.baseOffset, at: now)
            let outcome = try write(bytes, checked: nil, at: now)
            try raiseLogStart(to: min(start, logEndOffset))
            return outcome
        }
    }

    private func rewriting(
        _ batches: ByteBuffer, _ body: (UnsafeMutableRawBufferPointer) throws(LogFailure) -> AppendOutcome
    ) throws(LogFailure) -> AppendOutcome {
        let result: Result<AppendOutcome, LogFailure> = batches.withUnsafeReadableBytes { raw in
            do throws(LogFailure) {
                return .success(try body(UnsafeMutableRawBufferPointer(mutating: raw)))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// Calls `body` with each of the checked headers and the bytes from its batch on.
    private func eachBatch(
        of bytes: UnsafeMutableRawBufferPointer,
        _ body: (inout RecordBatchHeader, UnsafeMutableRawBufferPointer) -> Void
    ) {
        var position = 0
        for place in headers.indices {
            body(&headers[place], UnsafeMutableRawBufferPointer(rebasing: bytes[position...]))
            position += headers[place].sizeInBytes
        }
    }

    /// Where the batch stands that an idempotent producer sends again.
    private func repeatedBatch() -> AppendedRange? {
        for header in headers where header.hasProducerID {
            guard let batch = producers.entries[header.producerID]?.repeated(by: header) else { continue }
            return AppendedRange(
                firstOffset: batch.firstOffset, lastOffset: batch.lastOffset,
                logAppendTime: settings.timestampType == .logAppendTime ? batch.timestamp : -1,
                logStartOffset: logStartOffset, maxTimestamp: batch.timestamp)
        }
        return nil
    }

    private func assignOffsets(
        in bytes: UnsafeMutableRawBufferPointer, leaderEpoch: LeaderEpoch, at now: Instant
    ) {
        var next = logEndOffset
        eachBatch(of: bytes) { header, batch in
            header.baseOffset = next
            header.leaderEpoch = leaderEpoch
            BatchRewriting.place(batch, at: next, leaderEpoch: leaderEpoch)
            if settings.timestampType == .logAppendTime { header.maxTimestamp = now.unixMilliseconds }
            BatchRewriting.setTimestamp(settings.timestampType, max: header.maxTimestamp, of: batch)
            next = header.nextOffset
        }
    }

    /// Writes the batches whose headers were gathered, and takes them up.
    private func write(
        _ bytes: UnsafeMutableRawBufferPointer, checked: AppendOrigin?, at now: Instant
    ) throws(LogFailure) -> AppendOutcome {
        do throws(AppendRefusal) {
            try gatherChanges(in: UnsafeRawBufferPointer(bytes), checked: checked)
        } catch {
            return .refused(error)
        }
        guard let first = headers.first, let last = headers.last else {
            preconditionFailure("checked batches without headers")
        }
        var largest: Int64 = -1
        for header in headers { largest = max(largest, header.maxTimestamp) }
        try rollIfNeeded(
            for: bytes.count, firstOffset: first.baseOffset, lastOffset: last.lastOffset, maxTimestamp: largest, at: now
        )
        let segment = active
        noteEpochs()
        try onDisk { () throws(FileSystemError) in try segment.write(UnsafeRawBufferPointer(bytes)) }
        hints.remember(first.baseOffset, in: segment.baseOffset, at: segment.size)
        for header in headers { segment.takeUp(header, interval: settings.indexIntervalInBytes) }
        logEndOffset = last.nextOffset
        changes.apply(to: &producers) { transaction, lastStableOffset in
            segment.append(transaction, lastStableOffset: lastStableOffset)
        }
        let stamped = checked != nil && settings.timestampType == .logAppendTime
        return .appended(
            AppendedRange(
                firstOffset: first.baseOffset, lastOffset: last.lastOffset, logAppendTime: stamped ? largest : -1,
                logStartOffset: logStartOffset, maxTimestamp: largest))
    }

    private func gatherChanges(
        in bytes: UnsafeRawBufferPointer, checked: AppendOrigin?
    ) throws(AppendRefusal) {
        changes.removeAll()
        var position = 0
        for header in headers {
            defer { position += header.sizeInBytes }
            guard header.hasProducerID else { continue }
            guard header.attributes.isControl else {
                if let checked { try changes.check(header, in: producers, origin: checked) }
                changes.add(header, in: producers)
                continue
            }
            let end = position + header.sizeInBytes
            let marker = try AppendRefusal.ifInvalid { () throws(InvalidRecords) in
                try TransactionMarker(header, copying: UnsafeRawBufferPointer(rebasing: bytes[position..<end]))
            }
            guard let marker else { continue }
            if checked != nil { try changes.checkMarker(header, marker, in: producers) }
            changes.addMarker(header, marker, in: producers)
        }
    }

    private func noteEpochs() {
        for header in headers where leaderEpochs.note(header.leaderEpoch, startingAt: header.baseOffset) {
            hasUnwrittenEpoch = true
        }
    }

    /// Notes that this broker leads in `epoch` from the log's end on, before it takes the first batch.
    package func beginLeaderEpoch(_ epoch: LeaderEpoch) {
        if leaderEpochs.note(epoch, startingAt: logEndOffset) { hasUnwrittenEpoch = true }
    }

    /// Writes the file of epochs; the next flush makes it last.
    func writeLeaderEpochs() throws(LogFailure) {
        try onDisk { () throws(FileSystemError) in
            try disk.put(CheckpointText.write(leaderEpochs), into: leaderEpochFile)
        }
        hasUnwrittenEpoch = false
        isDirectoryUnsynced = true
    }

    /// Likewise in two steps, of which the first leaves a file to be synced before the second; nil when none is due.
    func stageLeaderEpochs() throws(LogFailure) -> (any File)? {
        guard hasUnwrittenEpoch else { return nil }
        return try onDisk { () throws(FileSystemError) in
            try disk.write(CheckpointText.write(leaderEpochs), anew: leaderEpochFile + ".tmp")
        }
    }

    func settleLeaderEpochs() throws(LogFailure) {
        guard hasUnwrittenEpoch else { return }
        try onDisk { () throws(FileSystemError) in
            try disk.rename(leaderEpochFile + ".tmp", to: leaderEpochFile)
        }
        hasUnwrittenEpoch = false
        isDirectoryUnsynced = true
    }

    private var leaderEpochFile: String { directory + "/" + CheckpointText.leaderEpochFile }
}
