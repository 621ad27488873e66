import ClusterModel

/// What is known of the fork of one partition: up to where it has what the mirror topic has, and what was measured. It
/// is kept as an offset that ``ForkLink/markGroup`` has committed in the fork, with its metadata.
package struct ForkMark: Sendable, Equatable {
    private static let begunKey = "begun"
    private static let writableKey = "writable"
    private static let recordsKey = "records-behind"
    private static let millisecondsKey = "milliseconds-behind"

    /// The high watermark of the mirror topic when the drill began.
    package var end: Offset
    /// When the drill began, in milliseconds since 1970.
    package var begunAt: Int64
    /// When the fork was writable, in milliseconds since 1970; nil before that.
    package var writableAt: Int64?
    /// What the source had committed and the mirror topic had not when the drill began; nil when nobody knows.
    package var recordsBehind: Int64?
    /// How much later the source's last record was written than the mirror topic's.
    package var millisecondsBehind: Int64?

    package init(end: Offset, begunAt: Int64) {
        self.end = end
        self.begunAt = begunAt
    }

    /// What is committed in the fork; nil when the text is none that a drill writes.
    package init?(end: Offset, metadata: String) {
        var numbers: [Substring: Int64] = [:]
        for item in metadata.split(separator: ",") {
            guard let place = item.firstIndex(of: "="), let number = Int64(item[item.index(after: place)...]) else {
                return nil
            }
            numbers[item[..<place]] = number
        }
        guard let begun = numbers[Self.begunKey[...]] else { return nil }
        self.init(end: end, begunAt: begun)
        writableAt = numbers[Self.writableKey[...]]
        recordsBehind = numbers[Self.recordsKey[...]]
        millisecondsBehind = numbers[Self.millisecondsKey[...]]
    }

    package var metadata: String {
        let numbers = [
            (Self.begunKey, begunAt), (Self.writableKey, writableAt), (Self.recordsKey, recordsBehind),
            (Self.millisecondsKey, millisecondsBehind),
        ]
        return numbers.compactMap { key, number in number.map { "\(key)=\($0)" } }.joined(separator: ",")
    }
}
