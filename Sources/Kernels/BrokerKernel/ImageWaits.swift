import Seams

/// Requests that are answered once the cluster image shows what they asked for, or when they have waited long enough.
struct ImageWaits {
    struct Wait {
        var deadline: Instant
        var isSatisfied: (BrokerKernel) -> Bool
        /// Called once, with whether the image showed it in time.
        var proceed: (inout BrokerKernel, Bool) -> Void
    }

    fileprivate var waits: [Wait] = []

    var nextDeadline: Instant? { waits.lazy.map(\.deadline).min() }
}

extension BrokerKernel {
    /// Goes on with `proceed` as soon as the image satisfies `isSatisfied`, perhaps now, or at `deadline`.
    mutating func whenImage(
        by deadline: Instant, _ isSatisfied: @escaping (BrokerKernel) -> Bool,
        then proceed: @escaping (inout BrokerKernel, Bool) -> Void
    ) {
        if isSatisfied(self) { return proceed(&self, true) }
        imageWaits.waits.append(.init(deadline: deadline, isSatisfied: isSatisfied, proceed: proceed))
    }

    /// To be called after each change of the image.
    mutating func endImageWaits() {
        settleImageWaits { kernel, wait in wait.isSatisfied(kernel) ? true : nil }
    }

    /// To be called as time passes.
    mutating func giveUpImageWaits() {
        settleImageWaits { kernel, wait in wait.deadline <= kernel.now ? wait.isSatisfied(kernel) : nil }
    }

    /// Ends the waits for which `verdict` has one.
    private mutating func settleImageWaits(_ verdict: (BrokerKernel, ImageWaits.Wait) -> Bool?) {
        let waits = imageWaits.waits
        imageWaits.waits = []
        var ended: [(ImageWaits.Wait, Bool)] = []
        for wait in waits {
            if let satisfied = verdict(self, wait) {
                ended.append((wait, satisfied))
            } else {
                imageWaits.waits.append(wait)
            }
        }
        for (wait, satisfied) in ended { wait.proceed(&self, satisfied) }
    }
}
