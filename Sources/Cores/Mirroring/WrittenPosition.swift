import ClusterModel

/// How far one partition was copied, as it is written down at the target: an offset that the mirror's group has committed
/// there. The offset is the source's, its metadata the rest, as in `1250;id=7dJb_…;runs=0:0,1003:1002~`: the target's
/// offset, the id of the source's topic, and the runs of the ``OffsetMap``, of which `~` marks those that are not exact.
/// Of the metadata only the first part has to be there.
package struct WrittenPosition: Sendable, Equatable {
    /// Brokers keep 4096 bytes (`offset.metadata.max.bytes`).
    private static let mostBytesOfRuns = 3600
    private static let groupPrefix = "martlet-mirror."

    package var position: MirroredPosition
    /// Of the source's topic; zero where brokers do not tell it.
    package var topicID: KafkaUUID
    package var runs: [OffsetMap.Run]

    package init(_ position: MirroredPosition, topicID: KafkaUUID = .zero, runs: [OffsetMap.Run] = []) {
        self.position = position
        self.topicID = topicID
        self.runs = runs
    }

    /// The position as ``metadata`` and the committed offset give it; nil when the metadata is not ours.
    package init?(committedOffset: Offset, metadata: String) {
        let parts = metadata.split(separator: ";", omittingEmptySubsequences: false)
        guard committedOffset >= 0, let target = parts.first.flatMap({ Offset($0) }), target >= 0 else { return nil }
        self.init(MirroredPosition(source: committedOffset, target: target))
        for part in parts.dropFirst() {
            if part.hasPrefix("id=") {
                guard let id = KafkaUUID(String(part.dropFirst(3))) else { return nil }
                topicID = id
            } else if part.hasPrefix("runs=") {
                for text in part.dropFirst(5).split(separator: ",") {
                    guard let run = OffsetMap.Run(text) else { return nil }
                    runs.append(run)
                }
            }
        }
    }

    package var metadata: String {
        var text = "\(position.target)"
        if topicID != .zero { text += ";id=\(topicID)" }
        let runs = shortenedRuns
        if !runs.isEmpty { text += ";runs=" + runs.map(\.text).joined(separator: ",") }
        return text
    }

    /// As many as there is room for: of the oldest, some stand for those behind them.
    private var shortenedRuns: [OffsetMap.Run] {
        var room = Self.mostBytesOfRuns
        // From the latest on, all that fit in two thirds of the room.
        let kept = runs.reversed().prefix { run in
            room -= run.text.utf8.count + 1
            return room > Self.mostBytesOfRuns / 3
        }
        let older = runs.dropLast(kept.count)
        guard let longest = older.map(\.text.utf8.count).max() else { return runs }
        let count = max(1, Self.mostBytesOfRuns / 3 / (longest + 2))
        let stride = (older.count + count - 1) / count
        let some = older.enumerated().filter { $0.offset % stride == 0 }
            .map { stride == 1 ? $0.element : $0.element.inexact }
        return some + kept.reversed()
    }

    /// The group at the target in whose offsets the positions of the flow from `source` stand.
    package static func group(source: String) -> String { groupPrefix + source }

    /// The source whose positions stand in the offsets of a group; nil for groups that are none of these.
    package static func source(ofGroup group: String) -> String? {
        guard group.hasPrefix(groupPrefix), !group.contains("->") else { return nil }
        return String(group.dropFirst(groupPrefix.count))
    }
}

extension OffsetMap.Run {
    fileprivate init?(_ text: Substring) {
        let isExact = text.last != "~"
        let offsets = (isExact ? text : text.dropLast()).split(separator: ":")
        guard offsets.count == 2, let source = Offset(offsets[0]), let target = Offset(offsets[1]) else { return nil }
        self.init(source: source, target: target, isExact: isExact)
    }

    fileprivate var text: String { "\(source):\(target)\(isExact ? "" : "~")" }

    fileprivate var inexact: OffsetMap.Run { OffsetMap.Run(source: source, target: target, isExact: false) }
}
