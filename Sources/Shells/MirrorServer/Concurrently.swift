extension Array where Element: Sendable {
    /// What `work` gives for each element, in the order of the elements. Over a long link questions that are asked one
    /// after another take their time each.
    /// - Parameter limit: how many are worked on at once, at least 1.
    /// - Throws: the first failure; the rest is cancelled.
    func mapConcurrently<Result: Sendable>(
        atMost limit: Int = 32, _ work: @escaping @Sendable (Element) async throws -> Result
    ) async throws -> [Result] {
        try await withThrowingTaskGroup(of: (Int, Result).self) { group in
            var results: [Result?] = Array<Result?>(repeating: nil, count: count)
            for (place, element) in enumerated() {
                if place >= limit, let (done, result) = try await group.next() { results[done] = result }
                group.addTask { (place, try await work(element)) }
            }
            for try await (done, result) in group { results[done] = result }
            return results.compactMap { $0 }
        }
    }
}
