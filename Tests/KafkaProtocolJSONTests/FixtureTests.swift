import KafkaProtocolJSON
import NIOCore
import Testing
import WireCoding

@Suite struct FixtureTests {
    @Test func everyRowDecodesToItsBody() throws {
        for row in try FixtureRow.all() {
            let type = try #require(WireJSON.message(named: row.name), "\(row.name)")
            let body = try WireJSON.decode(type, version: row.version, from: row.bytes)
            #expect(body == row.body, "\(row.name) v\(row.version): \(body.text)")
        }
    }

    @Test func everyRowEncodesToItsBytes() throws {
        for row in try FixtureRow.all() {
            let type = try #require(WireJSON.message(named: row.name), "\(row.name)")
            let bytes = try WireJSON.encode(type, version: row.version, body: row.body)
            #expect(bytes == row.bytes, "\(row.name) v\(row.version): \(bytes.hexDump(format: .compact))")
        }
    }

    /// How many versions we offer beyond those of the Apache Kafka whose bodies the fixtures are.
    private static let newer: [ApiKey: Int16] = [.consumerGroupHeartbeat: 1]

    @Test func everyVersionThatApacheKafkaHasIsThere() throws {
        let rows = try FixtureRow.all()
        #expect(rows.count == 1938)
        // Our own APIs have larger keys.
        for key in ApiKey.allCases where key.rawValue < 10_000 {
            guard let offered = key.offeredVersions else { continue }
            for name in ["\(key.name)Request", "\(key.name)Response"] {
                let versions = rows.filter { $0.name == name }.map(\.version)
                let newest = offered.upperBound - (Self.newer[key] ?? 0)
                #expect(versions.min() == offered.lowerBound && versions.max() == newest, "\(name)")
            }
        }
    }

    @Test func keysAgree() throws {
        for row in try FixtureRow.all() {
            let key = try #require(ApiKey(rawValue: Int16(row.key)))
            #expect(row.name == "\(key.name)Request" || row.name == "\(key.name)Response")
        }
    }
}
