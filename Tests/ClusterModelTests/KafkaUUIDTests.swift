import ClusterModel
import Testing

@Suite struct KafkaUUIDTests {
    @Test func textOfARecordedTopicID() throws {
        let text = "j5_9QgTCQOi8wNLmEh18wQ"
        let id = try #require(KafkaUUID(text))
        #expect(id == KafkaUUID(high: 0x8f9f_fd42_04c2_40e8, low: 0xbcc0_d2e6_121d_7cc1))
        #expect(id.description == text)
    }

    @Test func randomIDsComeBackFromTheirText() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<1000 {
            let id = KafkaUUID.random(using: &generator)
            #expect(KafkaUUID(id.description) == id)
        }
    }

    @Test(arguments: ["", "AAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAB", "AAAAAAAAAAAAAAAAAAAA+A"])
    func refusesWhatIsNoID(text: String) {
        #expect(KafkaUUID(text) == nil)
    }
}
