import FoundationEssentials
import KafkaProtocolJSON
import NIOCore
import Testing
import WireCoding

@Suite struct MalformedInputTests {
    @Test func everyRowCutAnywhereIsRefused() throws {
        for row in try FixtureRow.all() {
            let type = try #require(WireJSON.message(named: row.name))
            for count in 0..<row.bytes.readableBytes {
                let part = try #require(row.bytes.getSlice(at: row.bytes.readerIndex, length: count))
                #expect(throws: MalformedInput.self, "\(row.name) v\(row.version), \(count) bytes") {
                    try WireReader.read(part) { reader throws(MalformedInput) in
                        _ = try type.init(reading: &reader, version: row.version)
                    }
                }
            }
        }
    }

    @Test func everyRowWithAByteTooManyIsRefused() throws {
        for row in try FixtureRow.all() {
            let type = try #require(WireJSON.message(named: row.name))
            var bytes = row.bytes
            bytes.writeInteger(UInt8(0))
            #expect(throws: MalformedInput.self, "\(row.name) v\(row.version)") {
                try WireJSON.decode(type, version: row.version, from: bytes)
            }
        }
    }

    /// Whatever is done to the bytes, they are refused, or they are some message, which then survives a round trip.
    @Test func damagedRowsAreRefusedOrMeanSomething() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SplitMix64(state: seed)
        var refused = 0
        var understood = 0
        for row in try FixtureRow.all() {
            let type = try #require(WireJSON.message(named: row.name))
            for _ in 0..<20 {
                let damaged = Self.damage(row.bytes, using: &generator)
                let body: JSONValue
                do {
                    body = try WireJSON.decode(type, version: row.version, from: damaged)
                } catch is MalformedInput {
                    refused += 1
                    continue
                }
                understood += 1
                let bytes = try WireJSON.encode(type, version: row.version, body: body)
                let again = try WireJSON.decode(type, version: row.version, from: bytes)
                #expect(again.text == body.text, "seed \(seed), \(row.name) v\(row.version)")
            }
        }
        #expect(refused > 1000 && understood > 1000, "seed \(seed): refused \(refused), understood \(understood)")
    }

    /// Were room reserved for what a count says, this would ask for hundreds of gigabytes.
    @Test func countsInTheBillionsReserveNothing() throws {
        let before = try Self.peakOfAddressSpaceInBytes()
        for row in try FixtureRow.all() {
            let type = try #require(WireJSON.message(named: row.name))
            for lie in [[0x7f, 0xff, 0xff, 0xff], [0xff, 0xff, 0xff, 0xff, 0x07], [0x3f, 0xff, 0xff, 0xf0]] as [[UInt8]]
            {
                for place in stride(from: 0, to: row.bytes.readableBytes - lie.count, by: 3) {
                    var bytes = row.bytes
                    bytes.setBytes(lie, at: bytes.readerIndex + place)
                    do throws(MalformedInput) {
                        try WireReader.read(bytes) { reader throws(MalformedInput) in
                            _ = try type.init(reading: &reader, version: row.version)
                        }
                    } catch {
                        continue
                    }
                }
            }
        }
        let growth = try Self.peakOfAddressSpaceInBytes() - before
        #expect(growth < 1 << 30, "the address space grew by \(growth) bytes")
    }

    /// Ten million topics are announced in ten megabytes, where three million could stand.
    @Test func aCountThatFitsItsBytesButNotItsElementsIsRefusedAtOnce() throws {
        var frame = ByteBuffer()
        frame.writeInteger(Int32(-1))
        frame.writeInteger(Int32(0))
        frame.writeInteger(Int32(0))
        frame.writeInteger(Int32(10_000_000))
        frame.writeRepeatingByte(0, count: 10_000_000)
        let type = try #require(WireJSON.message(named: "FetchRequest"))
        let error = #expect(throws: MalformedInput.self) { try WireJSON.decode(type, version: 0, from: frame) }
        #expect(error == MalformedInput(.tooManyElements, at: 16))
    }

    private static func damage(_ bytes: ByteBuffer, using generator: inout SplitMix64) -> ByteBuffer {
        var bytes = Array(bytes.readableBytesView)
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
            let place = Int.random(in: 0...bytes.count, using: &generator)
            switch Int.random(in: 0..<5, using: &generator) {
            case 0: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: place)
            case 1 where place < bytes.count: bytes.remove(at: place)
            case 2 where place < bytes.count: bytes[place] = UInt8.random(in: 0...255, using: &generator)
            case 3 where place < bytes.count: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            default:
                let extreme: [[UInt8]] = [
                    [0x7f, 0xff, 0xff, 0xff], [0x80, 0, 0, 0], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff], [0xff, 0xff],
                    [0xff, 0xff, 0xff, 0xff, 0x0f], [0, 0, 0, 0],
                ]
                let piece = extreme[Int.random(in: 0..<extreme.count, using: &generator)]
                bytes.replaceSubrange(place..<min(bytes.count, place + piece.count), with: piece)
            }
        }
        return ByteBuffer(bytes: bytes)
    }

    private static func peakOfAddressSpaceInBytes() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmPeak:") })
        let kilobytes = try #require(
            line.split(whereSeparator: { $0 == " " || $0 == "\t" }).compactMap { Int($0) }.first)
        return kilobytes * 1024
    }
}

/// Random numbers that a seed repeats.
private struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
