import BrokerKernel
import ClusterModel
import Controller
import KafkaProtocol
import Security

extension BrokerBench {
    static let root = KafkaPrincipal(name: "CN=root,O=Example")

    /// A broker that controls access, with a topic `t` of the super user's, who sends requests at first.
    static func controlled(
        _ change: (inout BrokerKernelSettings) -> Void = { _ in }
    ) throws -> BrokerBench {
        let bench = try BrokerBench { settings in
            settings.access = AccessSettings(superUsers: [root])
            change(&settings)
        }
        bench.origin = RequestOrigin(
            listener: "PLAINTEXT", principal: root, clientAddress: "127.0.0.1", isEncrypted: true)
        try bench.createTopic("t", partitions: 2)
        try bench.produce(batch(["one"]), to: "t")
        return bench
    }

    /// Makes rules behind the broker's back.
    func rule(
        _ permission: AccessPermission, _ principal: KafkaPrincipal, _ operation: AccessOperation, _ type: ResourceType,
        _ name: String = ResourcePattern.clusterName, _ form: ResourcePattern.Form = .literal
    ) throws {
        let pattern = ResourcePattern(type, name, form)
        try changeImage { image in
            let entry = AccessEntry(permission, operation, to: principal)
            image.access.set(pattern, image.access.entries(of: pattern) + [entry])
        }
    }

    func dropRules() throws { try changeImage { $0.access = AccessTable() } }

    /// Sends what `body` sends in somebody's name.
    func acting<Value>(as somebody: KafkaPrincipal, _ body: () throws -> Value) rethrows -> Value {
        let before = principal
        principal = somebody
        defer { principal = before }
        return try body()
    }
}
