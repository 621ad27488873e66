import ClusterModel
import MartletClient

/// What a move may lose, of each partition what both ends have told.
extension MoveReport {
    /// - Parameters:
    ///   - mirror: as the target had it before the move; nil when it was not told.
    ///   - isMoved: its home had moved before, perhaps by a run that was killed before it told of it.
    ///   - markers: how many transactions this move has aborted in the partition; each has taken an offset that stands for
    ///     something else at the source.
    mutating func tell(
        _ partition: TopicPartition, _ source: SourceStanding, _ mirror: Administrator.DescribedPartition?,
        isMoved: Bool, markers: Int
    ) {
        guard let mirror else {
            topics[partition.topic]?.tellLost(nil, nil)
            return
        }
        if isMoved {
            tellMoved(partition, mirror)
        } else {
            topics[partition.topic]?.lastTimestamp.raise(mirror.maxTimestamp)
            if isRehearsal { topics[partition.topic]?.abortedTransactions += mirror.openTransactions.count }
        }
        if topics[partition.topic]?.isReclaimed ?? false {
            compareReclaimed(partition, source, mirror, isMoved: isMoved)
        } else if isMoved {
            let records = mirror.cutOffset < 0 ? nil : source.missing(partition, from: mirror.cutOffset)
            topics[partition.topic]?.tellLost(records, records == 0 ? 0 : nil)
        } else {
            let cuts = topics[partition.topic]?.cuts ?? []
            let reached = cuts.isEmpty ? mirror.highWatermark : cuts[Int(partition.partition)] - Int64(markers)
            let lost = source.lag(of: partition, behind: mirror, from: reached)
            topics[partition.topic]?.tellLost(lost.records, lost.milliseconds)
        }
    }

    /// The cuts are known still, and clients have written behind them since.
    private mutating func tellMoved(_ partition: TopicPartition, _ mirror: Administrator.DescribedPartition) {
        topics[partition.topic]?.lastTimestamp = nil
        if mirror.cutOffset >= 0, partition.partition == Int32(topics[partition.topic]?.cuts.count ?? 0) {
            topics[partition.topic]?.cuts.append(mirror.cutOffset)
        }
    }

    /// Both have been the home since the source was cut: what stands behind that only one of them has.
    private mutating func compareReclaimed(
        _ partition: TopicPartition, _ source: SourceStanding, _ mirror: Administrator.DescribedPartition, isMoved: Bool
    ) {
        let parting = source.parting(from: mirror, partition, link: link)
        let lost = parting.map { max(0, $0.end - $0.cut) }
        let later = isMoved ? nil : source.latest[partition].map { max(0, $0.timestamp - mirror.maxTimestamp) }
        topics[partition.topic]?.tellLost(lost, lost == 0 ? 0 : later)
        let only = isMoved ? nil : parting.map { max(0, mirror.highWatermark - $0.cut) }
        topics[partition.topic]?.recordsOnlyHere.add(only)
    }
}
