import ClusterModel
import Controller
import Testing

@Suite struct ReassignmentPlanTests {
    private func plan(_ partition: String) throws(MalformedNode) -> ReassignmentPlan {
        try ReassignmentPlan(parsing: Array("{\"version\":1,\"partitions\":[\(partition)]}".utf8))
    }

    @Test func directoriesAreNamedByReplica() throws {
        let id = TopicPartition(topic: "t", partition: 4)
        let plain = try plan(#"{"topic":"t","partition":4,"replicas":[1,2]}"#)
        #expect(plain.targets == [id: [BrokerID(1), BrokerID(2)]] && plain.directories.isEmpty)
        let placed = try plan(#"{"topic":"t","partition":4,"replicas":[1,2,3],"log_dirs":["/a","any","/b"]}"#)
        #expect(placed.directories == [BrokerID(1): [id: "/a"], BrokerID(3): [id: "/b"]])
        #expect(try plan(#"{"topic":"t","partition":4,"replicas":[1],"log_dirs":["any"]}"#).directories.isEmpty)
    }

    @Test(arguments: [
        #"{"topic":"t","partition":4,"replicas":[1,2],"log_dirs":["/a"]}"#,
        #"{"topic":"t","partition":4,"replicas":[1],"log_dirs":[7]}"#,
        #"{"topic":"t","partition":4,"replicas":[1],"log_dirs":"/a"}"#,
        #"{"topic":"t","partition":4,"log_dirs":["/a"]}"#,
        #"{"topic":"t","replicas":[1]}"#,
    ])
    func plansThatMakeNoSenseAreRefused(partition: String) {
        #expect(throws: MalformedNode.self) { try plan(partition) }
    }
}
