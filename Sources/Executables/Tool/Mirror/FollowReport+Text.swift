import MirrorServer

extension FollowReport {
    /// What would change at the target.
    func tellPlan() {
        if let reason { return print("\(kind) do not follow: \(reason)") }
        print("\(kind): \(atSource) follow")
        for one in toSet { print("  would set \(one)") }
        for one in toRemove { print("  would remove \(one)") }
        for one in kept { print("  the target has its own: \(one)") }
    }

    /// Whether both ends have the same.
    func tellStanding() {
        if let reason { return print("\(kind) do not follow: \(reason)") }
        print("\(kind): \(atSource) at the source, \(atTarget) at the target, \(different.count) differ")
        for one in different { print("  \(one) is not as at the source") }
        for one in own { print("  \(one) is at the target alone") }
    }
}
