/// The results of several undertakings of one request, gathered until all are there.
final class Gathering<Result> {
    private var results: [Result?]
    private var missing: Int
    private let finish: (inout BrokerKernel, [Result]) -> Void

    /// - Parameter finish: called once, with the results in order, when the last one is there.
    init(_ count: Int, finish: @escaping (inout BrokerKernel, [Result]) -> Void) {
        results = Array(repeating: nil, count: count)
        missing = count
        self.finish = finish
    }

    func set(_ place: Int, _ result: Result, in kernel: inout BrokerKernel) {
        precondition(results[place] == nil, "undertaking \(place) has two results")
        results[place] = result
        missing -= 1
        if missing == 0 { finish(&kernel, results.compactMap { $0 }) }
    }
}

extension BrokerKernel {
    /// Undertakes something for each item, and goes on with all results, in the items' order.
    /// - Parameter undertake: has to call its last argument once, at once or in a later step.
    mutating func gather<Item, Result>(
        _ items: [Item],
        _ undertake: (inout BrokerKernel, Item, @escaping (inout BrokerKernel, Result) -> Void) -> Void,
        then finish: @escaping (inout BrokerKernel, [Result]) -> Void
    ) {
        guard !items.isEmpty else { return finish(&self, []) }
        let gathering = Gathering<Result>(items.count, finish: finish)
        for (place, item) in items.enumerated() {
            undertake(&self, item) { kernel, result in gathering.set(place, result, in: &kernel) }
        }
    }

    /// Undertakes something for each item that is done or refused, and goes on with all refusals, in the items' order.
    /// - Parameter undertake: has to call its last argument once, at once or in a later step, or else to throw the refusal.
    mutating func gatherRefusals<Item>(
        of items: [Item],
        _ undertake: (inout BrokerKernel, Item, @escaping (inout BrokerKernel, AdminRefusal?) -> Void)
            throws(AdminRefusal) -> Void,
        then finish: @escaping (inout BrokerKernel, [AdminRefusal?]) -> Void
    ) {
        gather(items) { (kernel, item, done: @escaping (inout BrokerKernel, AdminRefusal?) -> Void) in
            do throws(AdminRefusal) { try undertake(&kernel, item, done) } catch { done(&kernel, error) }
        } then: { kernel, refusals in
            finish(&kernel, refusals)
        }
    }
}
