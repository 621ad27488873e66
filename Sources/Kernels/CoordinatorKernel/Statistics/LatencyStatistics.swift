/// How long requests took from their arrival until their answers might leave.
package struct LatencyStatistics: Sendable, Equatable {
    package private(set) var count: Int64 = 0
    private var totalNanoseconds: Int64 = 0
    private var leastNanoseconds: Int64 = 0
    private var mostNanoseconds: Int64 = 0

    package init() {}

    package mutating func add(nanoseconds: Int64) {
        leastNanoseconds = count == 0 ? nanoseconds : min(leastNanoseconds, nanoseconds)
        mostNanoseconds = max(mostNanoseconds, nanoseconds)
        totalNanoseconds += nanoseconds
        count += 1
    }

    /// Whole milliseconds.
    package var least: Int64 { leastNanoseconds / 1_000_000 }
    package var most: Int64 { mostNanoseconds / 1_000_000 }
    /// Milliseconds; 0 as long as there was no request.
    package var average: Double { count == 0 ? 0 : Double(totalNanoseconds) / Double(count) / 1_000_000 }
}
