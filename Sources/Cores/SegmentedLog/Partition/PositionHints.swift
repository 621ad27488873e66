import ClusterModel

/// Places where batches begin that were passed lately, so that readers that follow need neither index nor scan.
struct PositionHints {
    struct Hint {
        /// No batch stands between the offset and the position.
        var offset: Offset
        var segment: Offset
        var position: Int
    }

    private static let capacity = 64
    private var hints: [Hint] = []
    private var oldest = 0

    mutating func remember(_ offset: Offset, in segment: Offset, at position: Int) {
        let hint = Hint(offset: offset, segment: segment, position: position)
        if hints.count < Self.capacity {
            hints.append(hint)
        } else {
            hints[oldest] = hint
            oldest = (oldest + 1) % Self.capacity
        }
    }

    func position(of offset: Offset, in segment: Offset) -> Int? {
        // The newest are the likeliest.
        for place in stride(from: hints.count - 1, through: 0, by: -1) {
            let hint = hints[(place + oldest) % hints.count]
            if hint.offset == offset && hint.segment == segment { return hint.position }
        }
        return nil
    }

    mutating func forgetAll() {
        hints.removeAll(keepingCapacity: true)
        oldest = 0
    }
}
