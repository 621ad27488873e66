import Synchronization

/// The number that `gtmk` tells and `stmk` sets. Nothing is traced by it; tools that set it and read it again find it.
final class TraceMask: Sendable {
    /// Apache ZooKeeper's default: client requests, sessions, and warnings.
    private let bits = Atomic<Int64>(0b1_0011_0010)

    var value: Int64 { bits.load(ordering: .relaxed) }

    func set(_ value: Int64) { bits.store(value, ordering: .relaxed) }
}
