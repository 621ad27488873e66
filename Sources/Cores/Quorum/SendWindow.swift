import NIOCore

/// What a leader has sent to one member that has not said it is durable there. A leader sends no more than a window at a
/// time, so a member whose disk is slow or full never holds more than that.
struct SendWindow: Sendable {
    private var underWay = CircularBuffer<(zxid: Int64, sizeInBytes: Int)>()
    private(set) var sizeInBytes = 0

    /// - Parameter zxid: above all before.
    mutating func sent(upTo zxid: Int64, sizeInBytes size: Int) {
        underWay.append((zxid, size))
        sizeInBytes += size
    }

    mutating func acknowledged(upTo zxid: Int64) {
        while let first = underWay.first, first.zxid <= zxid {
            sizeInBytes -= first.sizeInBytes
            underWay.removeFirst()
        }
    }
}
