import BrokerKernel
import ClusterModel
import SegmentedLog

/// What becomes of transactions when a home moves: whoever has begun them cannot end them where the home is then.
extension RegionsOracle {
    /// What ended transactions where the home was about to be is part of the topic now.
    func takePromotionMarkers(of topic: String, at home: Home) {
        let cuts = cuts(of: topic, in: home.region)
        for (place, line) in lines.sorted(by: { $0.key < $1.key }) where place.topic == topic {
            guard let cut = cuts[place.partition] else { continue }
            var line = line
            for (base, content) in (line.promotionMarkers[home.region] ?? [:]).sorted(by: { $0.key < $1.key }) {
                chronicle.count("transactions ended by moves of homes")
                if base < line.end || base >= cut {
                    chronicle.violate(
                        "a transaction of \(topic)-\(place.partition) is ended at \(base), and its home cut at \(cut), with "
                            + "\(line.end) as the end of all else")
                    continue
                }
                line.batches[base] = content
                line.end = max(line.end, content.next)
                line.heldBy[home.region, default: []].insert(base)
                line.heldEnd[home.region] = max(line.heldEnd[home.region] ?? 0, content.next)
            }
            line.promotionMarkers = [:]
            line.settled = (home, cut)
            lines[place] = line
        }
    }

    /// Where a home has begun, nothing from before is open: nobody there could end it, and nothing behind it would ever be
    /// read.
    func lookAtTransactions(of partition: Partition, _ place: Place, in region: String) {
        guard let settled = lines[place]?.settled, settled.home.region == region,
            partition.standing.state == .ordinary, partition.standing.homeEpoch == settled.home.homeEpoch,
            let open = partition.log.openTransactions.first, open.firstOffset < settled.before
        else { return }
        chronicle.violate(
            "a transaction of \(partition.name), open since \(open.firstOffset), was left open when its home became the "
                + "\(region), at \(settled.before)")
        // Said once.
        lines[place]?.settled = nil
    }
}

extension RegionsOracle.Line {
    /// Takes a marker that a region has committed which is about to be the home, by what its leader has heard; its
    /// followers may hear later. Returns false for anything else.
    mutating func takePromotionMarker(
        _ batch: LogReading.Batch, of partition: Partition, in region: String
    ) -> Bool {
        guard batch.isMarker,
            partition.standing.state == .promoting || promotionMarkers[region]?[batch.base] == batch.content
        else { return false }
        promotionMarkers[region, default: [:]][batch.base] = batch.content
        return true
    }
}
