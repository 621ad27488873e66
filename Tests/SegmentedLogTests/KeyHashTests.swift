import Testing

@testable import SegmentedLog

@Suite struct KeyHashTests {
    /// The first vectors that SipHash's authors give for 128 bits: key 00…0f, messages of 0 and 1 bytes.
    @Test func hashesAreThoseOfSipHash() {
        let secret = KeyHash.Secret(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908)
        let empty = KeyHash(UnsafeRawBufferPointer(start: nil, count: 0), secret)
        #expect(empty.high == 0xe6a8_25ba_047f_81a3 && empty.low == 0x9302_55c7_1472_f66d)
        let one = [UInt8(0)].withUnsafeBytes { KeyHash($0, secret) }
        #expect(one.high == 0x44af_996b_d8c1_87da && one.low == 0x45fc_229b_1159_7634)
    }

    @Test func theMapKnowsTheLastOffsetOfEachKeyAndWhenItIsFull() {
        let map = OffsetMap(
            budgetInBytes: 24 * 1000, loadFactor: 0.9, mostKeys: 10_000, startingAt: 0, secret: .init(1, 2))
        var twin: [Int: Int64] = [:]
        var refused = 0
        for offset in 0..<3000 {
            let key = offset * 7919 % 1100
            let fits = withUnsafeBytes(of: key) { map.put($0, at: Int64(offset)) }
            if fits { twin[key] = Int64(offset) } else { refused += 1 }
        }
        #expect(map.count == 900 && refused > 0)
        for key in 0..<1100 { #expect(withUnsafeBytes(of: key) { map.offset(of: $0) } == twin[key]) }
    }
}
