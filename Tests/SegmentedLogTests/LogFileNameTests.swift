import ClusterModel
import SegmentedLog
import Testing

@Suite struct LogFileNameTests {
    @Test func segmentsAreNamedByTwentyDigits() {
        #expect(LogFileName.name(200, ".log") == "00000000000000000200.log")
        #expect(LogFileName.name(.max, ".log") == "09223372036854775807.log")
        #expect(LogFileName.offset(of: "00000000000000000200.log", ".log") == 200)
        for name in [
            "200.log", "00000000000000000200.log.deleted", "0000000000000000020x.log", "+0000000000000000020.log",
        ] { #expect(LogFileName.offset(of: name, ".log") == nil) }
    }

    @Test func partitionsAreNamedByTopicAndNumber() {
        #expect(LogFileName.partition(of: "a-b-12") == TopicPartition(topic: "a-b", partition: 12))
        for name in ["a", "a-", "-1", "a-x", "a-1x", "a-99999999999"] {
            #expect(LogFileName.partition(of: name) == nil)
        }
        let long = TopicPartition(topic: String(repeating: "t", count: 249), partition: 7)
        let name = LogFileName.deletedDirectory(of: long, uniqueID: KafkaUUID(high: .max, low: .max))
        #expect(name.utf8.count == 255 && name.hasSuffix("-7.ffffffffffffffffffffffffffffffff-delete"))
    }
}
