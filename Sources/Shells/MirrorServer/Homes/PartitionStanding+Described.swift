import MartletClient
import Mirroring

extension PartitionStanding {
    init(_ told: Administrator.DescribedPartition) {
        self.init(
            state: told.state, link: told.link, homeEpoch: told.homeEpoch, logStart: told.logStart,
            lastStableOffset: told.lastStableOffset, highWatermark: told.highWatermark, end: told.end,
            isSettled: told.isSettled, hasOpenTransactions: !told.openTransactions.isEmpty)
    }
}
