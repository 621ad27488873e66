/// How the values of a quantity are distributed: count, sum, least and most since the start, and quantiles of the
/// last one to two windows, each window being the time from one ``turn()`` to the next.
///
/// Adding costs a few nanoseconds and never allocates. Values fall into classes of a sixteenth of their size, so a
/// quantile is at most that much too high.
package struct Distribution: Sendable, Equatable {
    /// Each doubling of the values has this many classes.
    private static let classesPerDoubling = 16
    private static let doublings = 38
    private static let classCount = (doublings + 1) * classesPerDoubling

    package private(set) var count: Int64 = 0
    package private(set) var sum: Int64 = 0
    /// 0 as long as there is no value.
    package private(set) var least: Int64 = 0
    package private(set) var most: Int64 = 0
    private var current = [UInt32](repeating: 0, count: classCount)
    private var previous = [UInt32](repeating: 0, count: classCount)

    package init() {}

    /// - Parameter value: what is below 0 counts as 0.
    package mutating func add(_ value: Int64) {
        let value = max(0, value)
        least = count == 0 ? value : min(least, value)
        most = max(most, value)
        count += 1
        sum = sum.addingReportingOverflow(value).partialValue
        current[Self.classOf(value)] &+= 1
    }

    /// Ends a window.
    package mutating func turn() {
        swap(&current, &previous)
        for index in current.indices { current[index] = 0 }
    }

    /// The value that the given part of the recent values does not exceed; nil when there are none.
    package func quantile(_ part: Double) -> Int64? {
        let counts: [Int64] = zip(current, previous).map { Int64($0) + Int64($1) }
        let total = counts.reduce(0, +)
        guard total > 0 else { return nil }
        let rank = max(1, Int64((Double(total) * part).rounded(.up)))
        var seen: Int64 = 0
        for index in counts.indices {
            seen += counts[index]
            // A class may reach beyond the largest value there ever was.
            if seen >= rank { return min(Self.upperBound(ofClass: index), most) }
        }
        return most
    }

    private static func classOf(_ value: Int64) -> Int {
        guard value >= classesPerDoubling else { return Int(value) }
        let exponent = 63 - value.leadingZeroBitCount
        let doubling = exponent - 3
        guard doubling <= doublings else { return classCount - 1 }
        return doubling * classesPerDoubling + Int(value >> (exponent - 4)) - classesPerDoubling
    }

    /// The largest value of a class.
    private static func upperBound(ofClass index: Int) -> Int64 {
        guard index >= classesPerDoubling else { return Int64(index) }
        let doubling = index / classesPerDoubling
        let position = Int64(index % classesPerDoubling + classesPerDoubling)
        return (position + 1) << Int64(doubling - 1) - 1
    }
}
