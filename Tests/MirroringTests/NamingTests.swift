import Mirroring
import Testing

@Suite struct NamingTests {
    private let prefixed = ReplicationPolicy()
    private let identity = ReplicationPolicy(naming: .identity)

    @Test func namesAtTheTarget() {
        #expect(prefixed.remoteTopic("orders", of: "us-east") == "us-east.orders")
        #expect(identity.remoteTopic("orders", of: "us-east") == "orders")
        #expect(identity.remoteTopic("heartbeats", of: "us-east") == "us-east.heartbeats")
        #expect(prefixed.source(of: "us-east.orders") == "us-east")
        #expect(prefixed.source(of: "orders") == nil)
        #expect(prefixed.source(of: ".orders") == nil)
        #expect(identity.source(of: "us-east.orders") == nil)
        #expect(identity.source(of: "us-east.heartbeats") == "us-east")
        #expect(prefixed.offsetSyncsTopic(other: "eu-west") == "mm2-offset-syncs.eu-west.internal")
        #expect(prefixed.checkpointsTopic(source: "us-east") == "us-east.checkpoints.internal")
        let dashed = ReplicationPolicy(separator: "_", internalSeparator: "_")
        #expect(dashed.remoteTopic("orders", of: "us") == "us_orders")
        #expect(dashed.offsetSyncsTopic(other: "eu") == "mm2-offset-syncs_eu_internal")
        #expect(dashed.isInternal("mm2-offset-syncs_eu_internal"))
        #expect(dashed.isInternal("us_checkpoints_internal"))
        #expect(!dashed.isInternal("us_checkpoints"))
    }

    @Test func nothingReturnsToWhereItCameFrom() {
        #expect(prefixed.isCycle("eu-west.orders", to: "eu-west"))
        #expect(prefixed.isCycle("us-east.eu-west.orders", to: "eu-west"))
        #expect(!prefixed.isCycle("us-east.orders", to: "eu-west"))
        #expect(!prefixed.isCycle("orders", to: "eu-west"))
        #expect(identity.isCycle("eu-west.heartbeats", to: "eu-west"))
        #expect(!identity.isCycle("eu-west.orders", to: "eu-west"))
    }

    @Test func internalTopicsAndHeartbeats() {
        for name in [
            "__consumer_offsets", "mm2-offset-syncs.eu.internal", "us.checkpoints.internal", "connect-internal",
        ] {
            #expect(prefixed.isInternal(name), "\(name)")
        }
        for name in ["orders", "us-east.orders", "heartbeats", "internal"] {
            #expect(!prefixed.isInternal(name), "\(name)")
        }
        #expect(prefixed.isHeartbeats("heartbeats"))
        #expect(prefixed.isHeartbeats("us-east.heartbeats"))
        #expect(!prefixed.isHeartbeats("orders.heartbeatsx"))
    }

    @Test func selectionsMatchWholeNames() throws {
        let selection = try NameSelection(including: ["orders", "pay.*"], excluding: [".*[\\-\\.]internal", "__.*"])
        #expect(selection.contains("orders"))
        #expect(selection.contains("payments"))
        #expect(!selection.contains("orders2"))
        #expect(!selection.contains("pay.internal"))
        #expect(throws: NameSelection.Unreadable.self) { try NameSelection(including: ["("]) }
    }
}
