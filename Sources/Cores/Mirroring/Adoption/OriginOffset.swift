import ClusterModel

/// What somebody else has noted of a copy at the target, who has made it before.
package struct OriginOffset: Sendable, Equatable {
    /// The source's offset of the last record that is surely copied; nil when nobody noted it.
    package var lastCopied: Offset?
    /// Pairs of a record and its copy, in order of the source's offsets.
    package var pairs: [MirroredPosition]

    package init(lastCopied: Offset? = nil, pairs: [MirroredPosition] = []) {
        self.lastCopied = lastCopied
        self.pairs = pairs.sorted { ($0.source, $0.target) < ($1.source, $1.target) }
    }

    package var isEmpty: Bool { lastCopied == nil && pairs.isEmpty }

    /// From where on the last copy's original is looked for, in a source whose log is `source` and of which copies stand
    /// below `targetEnd`.
    package func beginOfSearch(in source: Range<Offset>, targetEnd: Offset) -> Offset {
        let copied = pairs.last { $0.target < targetEnd && $0.source < source.upperBound }?.source
        let noted = lastCopied.flatMap { $0 < source.upperBound ? $0 : nil }
        return max(copied ?? 0, noted ?? 0, source.lowerBound)
    }

    /// The position at which copying goes on.
    /// - Parameters:
    ///   - match: where the last copy came from; nil when that was not found.
    ///   - targetEnd: where the target's log ends.
    /// - Returns: nil when nothing tells where copying may go on without missing a record.
    package func position(_ match: CopiedTail.Match?, targetEnd: Offset) -> WrittenPosition? {
        guard let last = match?.offset ?? lastCopied else { return nil }
        let matched = match?.pairs ?? []
        let first = matched.first ?? MirroredPosition(source: last, target: targetEnd)
        // Between two of these nobody knows which offset is whose.
        var known: [OffsetMap.Run] = []
        for pair in pairs where pair.source < first.source && pair.target < first.target {
            if known.last?.source == pair.source { continue }
            // What was copied once more stands behind what came after it before: the earlier place is never too late.
            while let before = known.last, before.target >= pair.target { known.removeLast() }
            known.append(OffsetMap.Run(source: pair.source, target: pair.target, isExact: false))
        }
        var map = OffsetMap(at: first, after: known)
        for pair in matched {
            map.goOn(at: pair)
            map.add(source: pair.source, sourceEnd: pair.source + 1, target: pair.target, count: 1)
        }
        map.goOn(at: MirroredPosition(source: last + 1, target: targetEnd))
        return WrittenPosition(MirroredPosition(source: last + 1, target: targetEnd), runs: map.runs)
    }
}

extension WrittenPosition {
    /// For people: where copies go on that somebody else has made.
    package static func adoption(_ positions: [TopicPartition: WrittenPosition]) -> String {
        let places = positions.sorted { $0.key < $1.key }.map { "\($0.key.partition) at \($0.value.position.source)" }
        return "goes on where MirrorMaker 2 ended: \(places.joined(separator: ", "))"
    }
}
