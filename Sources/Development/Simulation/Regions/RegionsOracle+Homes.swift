import BrokerKernel
import ClusterModel
import Controller
import SegmentedLog

/// Where homes are, and what is lost with them.
extension RegionsOracle {
    /// In a home epoch at most one region is the home.
    func lookAtHomes() {
        for topic in topics {
            var found: [Home] = []
            for region in regions {
                guard let image = region.world.tree.image.topics[topic], !image.partitions.isEmpty else { continue }
                let standing = MirrorStanding(image.configs)
                if standing.state == .mirroring { noteRewinding(of: topic, in: region.name, standing.homeEpoch) }
                guard standing.state == .ordinary else { continue }
                found.append(Home(region: region.name, homeEpoch: standing.homeEpoch))
            }
            if found.count == 2, found[0].homeEpoch == found[1].homeEpoch {
                chronicle.violate("\(topic) has its home in both regions in home epoch \(found[0].homeEpoch)")
            }
            guard let home = found.max(by: { $0.homeEpoch < $1.homeEpoch }) else { continue }
            guard let known = homes[topic], known.region != home.region, home.homeEpoch > known.homeEpoch else {
                if homes[topic].map({ $0.homeEpoch <= home.homeEpoch }) ?? true { homes[topic] = home }
                continue
            }
            homes[topic] = home
            chronicle.note("the home of \(topic) is \(home.region) in home epoch \(home.homeEpoch)")
            if abandoned.contains(topic) { lose(topic, known, home) }
            takePromotionMarkers(of: topic, at: home)
        }
    }

    /// Where a region has cut a topic last.
    func cuts(of topic: String, in region: String) -> [Int32: Offset] {
        let image = regions.first { $0.name == region }?.world.tree.image.topics[topic]
        return MirrorCuts(configs: image?.configs ?? [:]).cuts.compactMapValues(\.last?.offset)
    }

    private func lose(_ topic: String, _ old: Home, _ new: Home) {
        var loss = LostHome(topic: topic, region: old.region, new: new)
        let cuts = cuts(of: topic, in: new.region)
        for (place, line) in lines.sorted(by: { $0.key < $1.key }) where place.topic == topic {
            guard let cut = cuts[place.partition] else { continue }
            var line = line
            if let own = line.lost[new.region], !own.isMirror {
                chronicle.note(
                    "\(place.topic)-\(place.partition) goes on with what the \(new.region) holds from \(own.from) on")
                if own.end > cut {
                    chronicle.violate(
                        "\(place.topic)-\(place.partition) is cut at \(cut) in the \(new.region), which becomes the home "
                            + "again and has committed to \(own.end)")
                }
                loss.isTakenBack = true
                line.leave(to: old.region, from: own.from, homeEpoch: new.homeEpoch)
                line.takeBack(own, by: new.region)
            } else {
                // Markers that the new home has written before it was cut stand where the old one has something else.
                let from = min(cut, line.promotionMarkers[new.region]?.keys.min() ?? cut)
                chronicle.note("\(place.topic)-\(place.partition) is cut at \(from)")
                line.leave(to: old.region, from: from, homeEpoch: new.homeEpoch)
            }
            loss.from[place.partition] = line.lost[old.region]?.from
            lines[place] = line
        }
        homeWasLost(loss)
    }

    /// From now on a region drops what it holds of its own, as its brokers hear of it.
    private func noteRewinding(of topic: String, in region: String, _ homeEpoch: Int32) {
        for place in lines.keys where place.topic == topic {
            guard let lost = lines[place]?.lost[region], homeEpoch >= lost.homeEpoch else { continue }
            lines[place]?.lost[region]?.isMirror = true
        }
    }
}

/// A home that was moved without its old region.
struct LostHome {
    var topic: String
    /// Where the home was.
    var region: String
    var new: RegionsOracle.Home
    /// Behind what, by partition, the lost region's log is its own.
    var from: [Int32: Offset] = [:]
    /// Whether the new region goes on with what it held of its own from when the home was there before.
    var isTakenBack = false
}

/// What a region that was the home holds behind the place where the new home has gone on.
struct LostEnd {
    var from: Offset
    /// Of the home that has taken its place.
    var homeEpoch: Int32
    /// Whether the region has been made a mirror since.
    var isMirror = false
    var batches: [Offset: LogReading.Content]
    /// Behind the last of them.
    var end: Offset

    /// Whether a replica in the region has dropped what is its own.
    func isRewound(on partition: Partition) -> Bool {
        guard isMirror else { return false }
        return switch partition.standing.state {
        case .mirroring, .promoting: partition.standing.homeEpoch >= homeEpoch
        case .ordinary: partition.standing.homeEpoch > homeEpoch
        case .fenced: false
        }
    }

    /// Takes up what a replica has committed. Returns what it contradicts.
    mutating func take(_ batch: LogReading.Batch) -> String? {
        guard batch.base >= from else { return nil }
        switch batches[batch.base] {
        case batch.content: return nil
        case let known?: return "something else up to \(known.next) was"
        case nil where batch.base < end: return "nothing began (the end was \(end))"
        case nil:
            batches[batch.base] = batch.content
            end = batch.content.next
            return nil
        }
    }
}

extension RegionsOracle.Line {
    /// What stands behind an offset is that region's own now.
    fileprivate mutating func leave(to region: String, from: Offset, homeEpoch: Int32) {
        let own = batches.filter { $0.key >= from }
        batches = batches.filter { $0.key < from }
        end = batches.values.map(\.next).max() ?? 0
        heldBy = heldBy.mapValues { $0.filter { $0 < from } }
        heldEnd = heldEnd.mapValues { min($0, from) }
        lost[region] = LostEnd(
            from: from, homeEpoch: homeEpoch, batches: own, end: own.values.map(\.next).max() ?? from)
    }

    /// What was a region's own is the topic's again.
    fileprivate mutating func takeBack(_ own: LostEnd, by region: String) {
        lost[region] = nil
        batches.merge(own.batches) { $1 }
        end = max(end, own.end)
        heldBy[region, default: []].formUnion(own.batches.keys)
        heldEnd[region] = max(heldEnd[region] ?? 0, own.end)
    }
}
