import Testing

@testable import CoordinatorKernel

@Suite struct DistributionTests {
    @Test func nothingHasNoQuantiles() {
        let distribution = Distribution()
        #expect(distribution.count == 0 && distribution.least == 0 && distribution.most == 0)
        #expect(distribution.quantile(0.5) == nil)
    }

    /// Against the dumb way: all values, sorted.
    @Test(arguments: [1, 7, 40]) func quantilesAreAtMostASixteenthTooHigh(exponent: Int64) {
        var random = SystemRandomNumberGenerator()
        var distribution = Distribution()
        let values = (0..<2000).map { _ in Int64.random(in: 0...(1 << exponent), using: &random) }
        for value in values { distribution.add(value) }
        let sorted = values.sorted()
        #expect(distribution.count == 2000 && distribution.sum == values.reduce(0, +))
        #expect(distribution.least == sorted.first && distribution.most == sorted.last)
        for part in [0.0, 0.001, 0.5, 0.9, 0.99, 0.999, 1] {
            let exact = sorted[max(0, Int((2000 * part).rounded(.up)) - 1)]
            let told = distribution.quantile(part) ?? -1
            #expect(told >= exact && told <= exact + exact / 16, "\(part): \(told) for \(exact)")
        }
    }

    @Test func whatIsOutOfRangeCountsAsTheNearest() {
        var distribution = Distribution()
        distribution.add(-5)
        distribution.add(.max)
        #expect(distribution.least == 0 && distribution.most == .max && distribution.count == 2)
        #expect(distribution.quantile(0.5) == 0)
    }

    @Test func quantilesForgetWhatIsTwoWindowsOld() {
        var distribution = Distribution()
        distribution.add(1000)
        distribution.turn()
        distribution.add(10)
        #expect(distribution.quantile(1) == 1000)
        distribution.turn()
        #expect(distribution.quantile(1) == 10)
        distribution.turn()
        #expect(distribution.quantile(1) == nil)
        #expect(distribution.count == 2 && distribution.most == 1000)
    }
}
